import type { ErrorCode } from '../../platform/error-codes.ts'
import { errorCodes } from '../../platform/error-codes.ts'
import { CodedError, type ErrorOptions } from '../../platform/errors.ts'
import type { JobEnd } from '../../platform/jobs/index.ts'
import { maskSecrets } from '../../platform/logging/redact.ts'
import { truncate } from '../../platform/postgres/storable-text.ts'

/** Creates an error helper for one code: `(message, options) => CodedError`. */
const withCode = (code: ErrorCode) => (message: string, options?: ErrorOptions) =>
  new CodedError(code, message, options)

/** The plan or its code cannot be deployed as it is. */
export const planUnusable = withCode('DEPLOY_001')
/** A limit of the account or of Cloudflare is exceeded. */
export const limitExceeded = withCode('DEPLOY_002')
/** The container image, or its rollout, has failed. */
export const imageUnusable = withCode('DEPLOY_003')
/** A Durable Object class or its migration is invalid. */
export const durableObjectFault = withCode('DEPLOY_004')
/** A host name or route of the app cannot be configured. */
export const hostnameFault = withCode('DEPLOY_005')
/** The app does not answer its health check. */
export const unhealthy = withCode('DEPLOY_006')
/** A rollback that could not undo everything. */
export const rollbackFault = withCode('DEPLOY_007')
/** Cloudflare does not accept the API token. */
export const tokenRejected = withCode('AUTH_003')
/** The API token is valid but lacks permissions. */
export const tokenLacksPermission = withCode('AUTH_004')

/** The error of a final state, as stored in rows and shown in answers. */
export interface EndingError {
  code: string
  message: string
  retryable?: boolean
  suggestedAction?: string
}

/** The error of a job that was cancelled or has failed; secrets are masked, the message is cut to 2,000 characters. */
export function endingError(ending: JobEnd): EndingError {
  if (ending.state === 'cancelled') return { code: 'STATE_001', message: 'Cancelled by request' }
  const { code, message, retryable, options } = ending.error
  const suggestedAction = options.suggestedAction ?? errorCodes[code].action
  return { code, message: truncate(maskSecrets(message), 2000), retryable, suggestedAction }
}
