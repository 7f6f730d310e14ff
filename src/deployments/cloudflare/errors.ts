import type { ErrorCode } from '../../platform/error-codes.ts'
import { CodedError, timedOut } from '../../platform/errors.ts'
import { maskSecrets } from '../../platform/logging/redact.ts'
import { truncate } from '../../platform/postgres/storable-text.ts'
import { actionFor, codeByNumber, codeByReason } from './error-codes.ts'

interface AboutRefusal {
  code: number
  status: number
  retryAfter?: number | undefined
  ray?: string | undefined
  /** Of the container API: the constant in the JSON inside of the message, e.g. `SURPASSED_TOTAL_LIMITS`. */
  reason?: string | undefined
  /** The edge asked for a proof that we are a browser, so the API never saw the call. */
  challenged?: boolean
  /** The call was to the container API, whose 401 has a meaning of its own. */
  containers?: boolean
}

/** A refusal by the cloud's API, with its own first error code (0 when there was none) and HTTP status. */
export class CloudError extends Error {
  override name = 'CloudError'
  readonly code: number
  readonly status: number
  readonly retryAfter: number | undefined
  /** Cloudflare's id of the call (`cf-ray`): what its support asks for. */
  readonly ray: string | undefined
  readonly reason: string | undefined
  readonly challenged: boolean
  readonly containers: boolean

  constructor(message: string, about: AboutRefusal) {
    super(truncate(maskSecrets(message), 1000))
    this.code = about.code
    this.status = about.status
    this.retryAfter = about.retryAfter
    this.ray = about.ray
    this.reason = about.reason
    this.challenged = about.challenged ?? false
    this.containers = about.containers ?? false
  }
}

/** No answer, or a cut-off one: the call may or may not have had its effect. */
export class CloudUnreachable extends Error {
  override name = 'CloudUnreachable'
}

const passing = new Set<ErrorCode>(['SYS_002', 'SYS_003', 'SYS_004', 'AUTH_005'])

/**
 * Turns the cloud's refusals into ours. The code decides first, the status second: statuses vary for one code.
 * `docs/deployment-errors.md` shows the outcome, row by row.
 * @param context tells apart what 10000 means. `active`: the token verifies now, so it lacks a permission;
 * `verified`: it worked earlier in this run, so it expired meanwhile; else it is not valid.
 */
export function toCodedError(error: unknown, context: TokenState = {}): unknown {
  if (error instanceof CloudUnreachable) {
    return timedOut(`The cloud did not answer: ${error.message}`, { cause: error })
  }
  if (!(error instanceof CloudError)) return error
  const code = codeOf(error, context)
  // Not found right after a write is lag, see the retry of reads; here it is final. Rates and server faults pass.
  const retryable = passing.has(code) || error.reason === 'IMAGE_REGISTRY_RETURNED_ERROR'
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
  // Texts decide only where one code has two meanings: that of a refused script quotes the script.
  if (code === 1000 && /timeout/i.test(message)) return 'SYS_004'
  if (code === 1000) return /internal/i.test(message) ? 'SYS_002' : 'AUTH_003'
  if (code === 10001) return /internal/i.test(message) ? 'SYS_002' : 'AUTH_004'
  if (code === 10013 || code === 971) return /rate.?limit|throttl/i.test(message) ? 'SYS_003' : 'SYS_002'
  const known = codeByNumber(code)
  if (known !== undefined) return known
  if (status >= 500) return 'SYS_002'
  // A good token without the paid plan or the permission gets a bare 401 there.
  if (status === 401) return error.containers ? 'AUTH_004' : 'AUTH_003'
  if (status === 403) return 'AUTH_004'
  return status === 404 ? 'SYS_005' : 'DEPLOY_001'
}
