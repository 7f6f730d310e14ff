import type { ErrorCode } from '../../platform/error-codes.ts'
import { CodedError, timedOut } from '../../platform/errors.ts'
import { maskSecrets } from '../../platform/logging/redact.ts'
import { truncate } from '../../platform/postgres/storable-text.ts'
import { actionFor, codeByNumber, codeByReason } from './error-codes.ts'

interface RefusalDetails {
  code: number
  status: number
  retryAfter?: number | undefined
  ray?: string | undefined
  /** The container API's constant from the JSON inside the message, e.g. `SURPASSED_TOTAL_LIMITS`. */
  reason?: string | undefined
  /** True if the edge sent a browser challenge; the call then never reached the API. */
  challenged?: boolean
  /** True for calls to the container API, whose 401 has a special meaning. */
  containers?: boolean
}

/** A refusal by the cloud's API, with its first error code (0 if it has none) and HTTP status. */
export class CloudError extends Error {
  override name = 'CloudError'
  readonly code: number
  readonly status: number
  readonly retryAfter: number | undefined
  /** Cloudflare's id of the call (`cf-ray`), which its support asks for. */
  readonly ray: string | undefined
  readonly reason: string | undefined
  readonly challenged: boolean
  readonly containers: boolean

  constructor(message: string, details: RefusalDetails) {
    super(truncate(maskSecrets(message), 1000))
    this.code = details.code
    this.status = details.status
    this.retryAfter = details.retryAfter
    this.ray = details.ray
    this.reason = details.reason
    this.challenged = details.challenged ?? false
    this.containers = details.containers ?? false
  }
}

/** The call got no answer, or a cut-off one, and may or may not have taken effect. */
export class CloudUnreachable extends Error {
  override name = 'CloudUnreachable'
}

const retryableCodes = new Set<ErrorCode>(['SYS_002', 'SYS_003', 'SYS_004', 'AUTH_005'])

/**
 * Turns the cloud's refusals into coded errors. The cloud's code decides first, then the status, which varies for one
 * code. `docs/deployment-errors.md` lists the results.
 * @param context decides the meaning of code 10000. `active`: the token is valid now, so it lacks a permission.
 * `verified`: the token worked earlier in this run, so it has expired. Otherwise it is not valid.
 */
export function toCodedError(error: unknown, context: TokenState = {}): unknown {
  if (error instanceof CloudUnreachable) {
    return timedOut(`The cloud did not answer: ${error.message}`, { cause: error })
  }
  if (!(error instanceof CloudError)) return error
  const code = codeOf(error, context)
  // A 404 here is final: lag after a write was already retried. Rate limits and server faults are transient.
  const retryable = retryableCodes.has(code) || error.reason === 'IMAGE_REGISTRY_RETURNED_ERROR'
  const { retryAfter } = error
  const action = actionFor(error)
  return new CodedError(code, `The cloud refused the call: ${describe(error)}`, {
    retryable,
    cause: error,
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(action === undefined ? {} : { suggestedAction: action }),
  })
}

function describe(error: CloudError): string {
  const marks = [
    ...(error.code === 0 ? [] : [`code: ${error.code}`]),
    ...(error.ray === undefined ? [] : [`ray: ${error.ray}`]),
  ]
  return marks.length === 0 ? error.message : `${error.message} [${marks.join(', ')}]`
}

interface TokenState {
  verified?: boolean
  active?: boolean
}

function codeOf(error: CloudError, context: TokenState): ErrorCode {
  const { code, status, message, reason } = error
  if (status === 429) return 'SYS_003'
  if (error.challenged) return 'SYS_002'
  if (reason !== undefined) return codeByReason(reason)
  if (code === 10000) return context.active ? 'AUTH_004' : context.verified ? 'AUTH_005' : 'AUTH_003'
  // Messages decide only if one code has two meanings, because some messages quote the script.
  if (code === 1000 && /timeout/i.test(message)) return 'SYS_004'
  if (code === 1000) return /internal/i.test(message) ? 'SYS_002' : 'AUTH_003'
  if (code === 10001) return /internal/i.test(message) ? 'SYS_002' : 'AUTH_004'
  if (code === 10013 || code === 971) return /rate.?limit|throttl/i.test(message) ? 'SYS_003' : 'SYS_002'
  const known = codeByNumber(code)
  if (known !== undefined) return known
  if (status >= 500) return 'SYS_002'
  // The container API answers 401 without a code to a valid token that lacks the paid plan or the permission.
  if (status === 401) return error.containers ? 'AUTH_004' : 'AUTH_003'
  if (status === 403) return 'AUTH_004'
  return status === 404 ? 'SYS_005' : 'DEPLOY_001'
}
