import type { ErrorCode } from './types.ts'

/** A fault in a request: the path of the field and what is wrong with it. */
export interface FieldFault {
  path: string
  problem: string
}

/** What an error tells beyond its message. `fields` is empty unless the code is REQ_002. */
export interface ErrorDetails {
  fields: FieldFault[]
  correlationId?: string
  timestamp?: string
  [name: string]: unknown
}

/** The body of every error of the API. */
export interface ErrorEnvelope {
  error: {
    code: string
    message: string
    details: ErrorDetails
    retryable?: boolean
    suggestedAction?: string
    [name: string]: unknown
  }
}

/** A code of this version of the document, or one of a newer service. */
export type AnyErrorCode = ErrorCode | (string & {})

/** A refusal or failure that the API describes. */
export class ApiError<Code extends AnyErrorCode = AnyErrorCode> extends Error {
  override name = 'ApiError'
  readonly code: Code
  /** The status of the HTTP response. */
  readonly status: number
  readonly details: ErrorDetails
  /** Names the request in the logs of the service. */
  readonly correlationId: string | undefined
  /** True if the same request may succeed later. */
  readonly retryable: boolean
  readonly suggestedAction: string | undefined
  /** The time to wait before a repetition, from `Retry-After`; 0 without one. */
  readonly retryAfterMs: number
  /** The whole body of the response. */
  readonly envelope: ErrorEnvelope

  constructor(
    response: { status: number; retryAfterMs: number; correlationId?: string | null },
    envelope: ErrorEnvelope,
  ) {
    const { error } = envelope
    super(error.message)
    this.code = error.code as Code
    this.status = response.status
    this.details = error.details
    this.correlationId = error.details.correlationId ?? response.correlationId ?? undefined
    this.retryable = error.retryable ?? false
    this.suggestedAction = error.suggestedAction
    this.retryAfterMs = response.retryAfterMs
    this.envelope = envelope
  }

  /** The faulty fields of the request; empty for other errors. */
  get fields(): FieldFault[] {
    return this.details.fields
  }
}

/** The reason of a `ConnectionError`: nothing answered, not in time, or something that is not Capstan's API. */
export type ConnectionFault = 'unreachable' | 'timeout' | 'not-capstan'

/** No answer of the API: the service may be away, or something else answers at its address. */
export class ConnectionError extends Error {
  override name = 'ConnectionError'
  readonly reason: ConnectionFault

  constructor(reason: ConnectionFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** True for an `ApiError` with one of the codes, or with any code if none is given. */
export function isApiError<const Codes extends readonly AnyErrorCode[]>(
  error: unknown,
  ...codes: Codes
): error is ApiError<Codes[number]> {
  return error instanceof ApiError && (codes.length === 0 || codes.includes(error.code))
}

/** The envelope of an error; undefined for any other value. */
export function envelopeOf(body: unknown): ErrorEnvelope | undefined {
  const error = propertiesOf(propertiesOf(body).error)
  const { code, message } = error
  if (typeof code !== 'string' || typeof message !== 'string') return undefined
  const details = propertiesOf(error.details)
  const fields = Array.isArray(details.fields) ? details.fields.filter(isFieldFault) : []
  return { ...propertiesOf(body), error: { ...error, code, message, details: { ...details, fields } } }
}

const isFieldFault = (value: unknown): value is FieldFault => {
  const { path, problem } = propertiesOf(value)
  return typeof path === 'string' && typeof problem === 'string'
}

/** The properties of an unknown value; none if it is not an object. */
export const propertiesOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
