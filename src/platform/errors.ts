/** The one registry of error codes: the status of an answer and what the caller may do about it. */
export const errorCodes = {
  AUTH_001: { status: 401, retryable: false, action: 'Check the GitHub App id and its private key' },
  AUTH_002: { status: 403, retryable: false, action: 'Grant the installation what is asked for' },
  AUTH_003: { status: 401, retryable: false, action: 'Check the Cloudflare API token' },
  AUTH_004: { status: 403, retryable: false, action: 'Give the Cloudflare token the permissions it lacks' },
  AUTH_005: { status: 401, retryable: true, action: 'Renew the token and try again' },
  DEPLOY_001: {
    status: 400,
    retryable: false,
    action: 'Correct the configuration or the code and prepare again',
  },
  DEPLOY_002: { status: 402, retryable: false, action: 'Free or raise the quota, then prepare again' },
  DEPLOY_003: { status: 500, retryable: true, action: 'Check that the image can be pulled, then retry' },
  DEPLOY_004: { status: 500, retryable: false, action: 'Check the Durable Object classes and migrations' },
  DEPLOY_005: { status: 500, retryable: true, action: 'Check the host names and their zone, then retry' },
  DEPLOY_006: {
    status: 504,
    retryable: true,
    action: 'Check the health path and the logs of the app, then deploy again',
  },
  DEPLOY_007: { status: 500, retryable: true, action: 'Look at what is left to undo, then roll back again' },
  SYS_001: { status: 500, retryable: false, action: 'Report the correlationId to the operators' },
  SYS_002: { status: 503, retryable: true, action: 'Try again after the time in Retry-After' },
  SYS_003: { status: 429, retryable: true, action: 'Wait for the time in Retry-After' },
  SYS_004: { status: 504, retryable: true, action: 'Try again' },
  SYS_005: { status: 404, retryable: false, action: 'Check the path and the id' },
  SYS_006: { status: 507, retryable: true, action: 'Free disk space on the server, then try again' },
  REQ_001: { status: 400, retryable: false, action: 'Send a well-formed body' },
  REQ_002: { status: 400, retryable: false, action: 'Correct the fields named in details.fields' },
  REQ_003: { status: 405, retryable: false, action: 'Use a method named in Allow' },
  REQ_004: { status: 413, retryable: false, action: 'Send a smaller body' },
  REQ_005: { status: 415, retryable: false, action: 'Send application/json' },
  REQ_006: { status: 422, retryable: false, action: 'Use a new Idempotency-Key for another request' },
  REQ_007: { status: 409, retryable: true, action: 'Wait for the first request with this key to end' },
  ACCESS_001: { status: 401, retryable: false, action: 'Sign in or send a token' },
  ACCESS_002: { status: 401, retryable: false, action: 'Sign in again or send a valid token' },
  ACCESS_003: { status: 403, retryable: false, action: 'Ask an administrator for the permission' },
  STATE_001: { status: 409, retryable: false, action: 'Look at the current state, then decide' },
  STATE_002: { status: 410, retryable: false, action: 'Start again' },
  STATE_003: { status: 424, retryable: true, action: 'Mend the dependency named, then try again' },
  STATE_004: { status: 402, retryable: false, action: 'Free or raise the quota' },
} as const satisfies Record<string, { status: number; retryable: boolean; action: string }>

export type ErrorCode = keyof typeof errorCodes

export interface ErrorOptions {
  /** Overrides the registry's status where a family answers another one for the same code. */
  status?: number
  /** Shown to the caller. Never a secret, never an echoed value. */
  details?: Record<string, unknown>
  retryable?: boolean
  suggestedAction?: string
  /** Seconds, sent as `Retry-After`. */
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

/** A start that can't go on: one line per fault, for the person who started the process. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly faults: string[]

  constructor(faults: string[]) {
    super(`The configuration is not usable:\n${faults.map((fault) => `  ${fault}`).join('\n')}`)
    this.faults = faults
  }
}

/** One fault of a request's body, query or path: where, and what is wrong; never the value. */
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

/** A write failed for lack of disk space or quota. */
export const outOfDiskSpace = (cause: unknown) =>
  new CodedError('SYS_006', 'The server has no disk space left for this', {
    details: { reason: 'disk_full' },
    retryAfter: 60,
    cause,
  })
export const notFound = (what: string) => new CodedError('SYS_005', `${what} not found`)
export const conflict = (message: string, details: Record<string, unknown> = {}) =>
  new CodedError('STATE_001', message, { details })
/** Faults of a body that its schema can't express. @param status 422 in accounts and orchestrators, 400 elsewhere */
export const invalidBody = (fields: FieldFault[], status: 400 | 422 = 400) =>
  new CodedError('REQ_002', "The request's body is not valid", { status, details: { fields } })
