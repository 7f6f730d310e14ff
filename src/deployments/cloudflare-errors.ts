import { CodedError, type ErrorCode } from '../platform/errors.ts'
import { maskSecrets } from '../platform/redact.ts'
import { codeOfReason } from './containers/reasons.ts'

/** A refusal by the cloud's API, with its own first error code (0 when there was none) and HTTP status. */
export class CloudError extends Error {
  override name = 'CloudError'
  readonly code: number
  readonly status: number
  readonly retryAfter: number | undefined
  readonly ray: string | undefined

  constructor(
    message: string,
    about: { code: number; status: number; retryAfter?: number | undefined; ray?: string | undefined },
  ) {
    super(maskSecrets(message).slice(0, 1000))
    this.code = about.code
    this.status = about.status
    this.retryAfter = about.retryAfter
    this.ray = about.ray
  }
}

/** No answer, or a cut-off one: the call may or may not have had its effect. */
export class CloudUnreachable extends Error {
  override name = 'CloudUnreachable'
}

const byCode: Record<number, ErrorCode> = {
  6003: 'AUTH_003',
  9106: 'AUTH_003',
  1001: 'DEPLOY_001',
  1003: 'AUTH_003',
  9109: 'AUTH_004',
  10034: 'AUTH_004',
  10021: 'DEPLOY_001',
  10068: 'DEPLOY_001',
  10056: 'DEPLOY_001',
  10057: 'DEPLOY_001',
  10027: 'DEPLOY_002',
  10037: 'DEPLOY_002',
  10061: 'DEPLOY_004',
  10064: 'DEPLOY_004',
  10074: 'DEPLOY_004',
  10079: 'DEPLOY_004',
  10070: 'DEPLOY_004',
  10097: 'DEPLOY_004',
  10099: 'DEPLOY_004',
  10123: 'DEPLOY_004',
  10211: 'DEPLOY_004',
  100402: 'DEPLOY_004',
  100405: 'DEPLOY_004',
  100406: 'DEPLOY_004',
  10031: 'DEPLOY_005',
  10032: 'DEPLOY_005',
  10036: 'DEPLOY_005',
  10063: 'DEPLOY_005',
  10009: 'DEPLOY_005',
  10019: 'DEPLOY_005',
  10022: 'DEPLOY_005',
  100114: 'DEPLOY_005',
  100116: 'DEPLOY_005',
  100117: 'DEPLOY_005',
  10220: 'DEPLOY_007',
  7000: 'SYS_005',
  7001: 'SYS_005',
  7003: 'SYS_005',
  10007: 'SYS_005',
  10090: 'SYS_005',
  10092: 'SYS_005',
  10215: 'SYS_005',
  10222: 'SYS_005',
  10336: 'SYS_005',
  100146: 'SYS_005',
}

const passing = new Set<ErrorCode>(['SYS_002', 'SYS_003', 'SYS_004', 'AUTH_005'])

/**
 * Turns the cloud's refusals into ours. The code decides first, the status second: statuses vary for one code.
 * @param context tells apart what 10000 means. `active`: the token verifies now, so it lacks a permission;
 * `verified`: it worked earlier in this run, so it expired meanwhile; else it is not valid.
 */
export function toCodedError(error: unknown, context: TokenState = {}): unknown {
  if (error instanceof CloudUnreachable) {
    return new CodedError('SYS_004', `The cloud did not answer: ${error.message}`, { cause: error })
  }
  if (!(error instanceof CloudError)) return error
  const message = `The cloud refused the call: ${error.message}${error.code === 0 ? '' : ` [code: ${error.code}]`}`
  const code = codeOf(error, context)
  // Not found right after a write is lag, see the retry of reads; here it is final. Rates and server faults pass.
  const retryable = passing.has(code)
  const { retryAfter } = error
  return new CodedError(code, message, {
    retryable,
    cause: error,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}

interface TokenState {
  verified?: boolean
  active?: boolean
}

function codeOf(error: CloudError, context: TokenState): ErrorCode {
  const { code, status, message } = error
  if (status === 429) return 'SYS_003'
  const reason = codeOfReason(message)
  if (reason !== undefined) return reason
  if (code === 10000) return context.active ? 'AUTH_004' : context.verified ? 'AUTH_005' : 'AUTH_003'
  // Texts decide only where one code has two meanings: that of a refused script quotes the script.
  if (code === 1000 && /timeout/i.test(message)) return 'SYS_004'
  if (code === 1000) return /internal/i.test(message) ? 'SYS_002' : 'AUTH_003'
  if (code === 10001) return /internal/i.test(message) ? 'SYS_002' : 'AUTH_004'
  if (code === 10013 || code === 971) return /rate.?limit|throttl/i.test(message) ? 'SYS_003' : 'SYS_002'
  const known = byCode[code]
  if (known !== undefined) return known
  if (status >= 500) return 'SYS_002'
  if (status === 401) return 'AUTH_003'
  if (status === 403) return 'AUTH_004'
  return status === 404 ? 'SYS_005' : 'DEPLOY_001'
}
