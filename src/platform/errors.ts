import { type ErrorCode, errorCodes } from './error-codes.ts'

export interface ErrorOptions {
  /** Overrides the code's default status, for families of routes that use another one. */
  status?: number
  /** Shown to the caller; contains no secrets and no values from the request. */
  details?: Record<string, unknown>
  retryable?: boolean
  suggestedAction?: string
  /** The seconds sent as `Retry-After`. */
  retryAfter?: number
  headers?: Record<string, string>
  cause?: unknown
}

/** An expected refusal or failure with a registered code; the only kind whose message a caller sees. */
export class CodedError extends Error {
  override name = 'CodedError'
  readonly code: ErrorCode
  readonly status: number
  readonly options: ErrorOptions

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.status = options.status ?? errorCodes[code].status
    this.options = options
  }

  get retryable(): boolean {
    return this.options.retryable ?? errorCodes[this.code].retryable
  }
}

/** A faulty configuration, with one line per fault for the user who started the process. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly faults: string[]

  constructor(faults: string[]) {
    super(`The configuration is not usable:\n${faults.map((fault) => `  ${fault}`).join('\n')}`)
    this.faults = faults
  }
}

/** A fault in a request's body, query or path: its path and a description without the value. */
export interface FieldFault {
  path: string
  problem: string
}

/** The envelope of every error of every family. */
export function errorEnvelope(error: CodedError, correlationId: string) {
  const { details, suggestedAction } = error.options
  return {
    error: {
      code: error.code,
      message: error.message,
      details: { ...details, timestamp: new Date().toISOString(), correlationId },
      retryable: error.retryable,
      suggestedAction: suggestedAction ?? errorCodes[error.code].action,
    },
  }
}

// Each helper below creates the error of one code. Responses contain the code; the source uses the helper.

/** An object that does not exist. @param what the start of the sentence: `Plan` */
export const notFound = (what: string): CodedError => new CodedError('SYS_005', `${what} not found`)

/** A path that this server does not have. */
export const noSuchPath = (message = 'There is nothing at this path', options?: ErrorOptions): CodedError =>
  new CodedError('SYS_005', message, options)

/** The current state does not allow the request. */
export const conflict = (
  message: string,
  details: Record<string, unknown> = {},
  options: Omit<ErrorOptions, 'details'> = {},
): CodedError => new CodedError('STATE_001', message, { ...options, details })

/** @param status 422 in accounts and orchestrators, 400 elsewhere */
export const invalidRequest = (part: string, fields: FieldFault[], status = 400): CodedError =>
  new CodedError('REQ_002', `The request's ${part} is not valid`, { status, details: { fields } })

export const invalidBody = (fields: FieldFault[], status?: number): CodedError =>
  invalidRequest('body', fields, status)

/** Creates a helper for one code: `(message, options) => CodedError`. */
const withCode = (code: ErrorCode) => (message: string, options?: ErrorOptions) =>
  new CodedError(code, message, options)

/** A request that is not HTTP, not JSON, or not as its headers declare. */
export const malformed = withCode('REQ_001')
export const tooLarge = withCode('REQ_004')
export const unsupportedMediaType = withCode('REQ_005')
export const unauthenticated = (): CodedError => new CodedError('ACCESS_001', 'Authentication is required')
/** A password, token or similar that is wrong, expired or revoked. */
export const badCredential = withCode('ACCESS_002')
export const forbidden = withCode('ACCESS_003')
export const gone = withCode('STATE_002')
/** A dependency of the request does not work or is not configured. */
export const dependencyFailed = withCode('STATE_003')
export const quotaExceeded = withCode('STATE_004')
/** A fault of this service. Its message must not disclose internal details. */
export const internalError = withCode('SYS_001')
/** A temporary condition that ends without intervention. */
export const unavailable = withCode('SYS_002')
/** @param retryAfter seconds */
export const tooManyRequests = (message: string, retryAfter: number): CodedError =>
  new CodedError('SYS_003', message, { retryAfter })
export const timedOut = withCode('SYS_004')

/** A write failed because disk space or the quota is exhausted. */
export const outOfDiskSpace = (cause: unknown): CodedError =>
  new CodedError('SYS_006', 'The server has no disk space left for this', {
    details: { reason: 'disk_full' },
    retryAfter: 60,
    cause,
  })
