import { createFinalURL, createQuerySerializer, defaultPathSerializer } from 'openapi-fetch'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Bytes as the body of a request. A stream can be sent only once, so such a request is never repeated. */
export type BinaryBody = Uint8Array<ArrayBuffer> | ArrayBuffer | Blob | ReadableStream<Uint8Array>

/** Settings of one call. */
export interface CallOptions {
  /** Ends the call, with its repetitions. The call then rejects with the signal's reason. */
  signal?: AbortSignal
  /** The time for one attempt, with the body of its answer. */
  timeoutMs?: number
  /**
   * The time for which transient errors are retried; 0 for none. The client's setting applies only to calls that may be
   * repeated without harm: those that read, replace or delete, those with an idempotency key, and calls that the rate limit
   * refused. A value given here applies to this call in any case.
   */
  patienceMs?: number
  /** The `Idempotency-Key`. By default the client makes one for each call of an operation that accepts it. */
  idempotencyKey?: string
  headers?: Record<string, string>
}

/** One request in terms of HTTP. */
export interface ApiRequest extends CallOptions {
  method?: Method
  /** A path of the API, with the parameters of `params` in braces. */
  path: string
  params?: Record<string, unknown>
  query?: Record<string, unknown>
  /** A value that is sent as JSON, or bytes. */
  body?: unknown
  /** A status above 299 whose response is an answer, unless it holds an error: an unhealthy service answers with 503. */
  answerStatus?: number | undefined
}

const querySerializer = createQuerySerializer({ array: { style: 'form', explode: false } })

/**
 * The URL of a request.
 * @param base without a trailing slash; empty in a page of the service
 * @throws RangeError for a path or parameter that would lead to another host or path: the request carries a credential
 */
export function urlOf(base: string, { path, params = {}, query = {} }: ApiRequest): string {
  // A backslash is a slash to the parser of URLs, and it drops control characters.
  if (!/^\/(?![/\\])[^\\\p{Cc}]*$/u.test(path))
    throw new RangeError('path must begin with one slash, and hold no backslash or control character')
  for (const [name, value] of Object.entries(params))
    if (['', '.', '..'].includes(String(value)))
      throw new RangeError(`${name} must not be empty or consist of dots only`)
  return createFinalURL(path, {
    baseUrl: base,
    params: { path: params, query: definedOf(query) },
    querySerializer,
    pathSerializer: defaultPathSerializer,
  })
}

const definedOf = (query: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))

type Body = NonNullable<RequestInit['body']>

/** The body and its content type. */
export function contentOf(body: unknown): { body?: Body; headers: Record<string, string> } {
  if (body === undefined) return { headers: {} }
  if (isBinary(body)) return { body: body as Body, headers: { 'Content-Type': 'application/octet-stream' } }
  return { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }
}

export const isStream = (body: unknown): boolean => body instanceof ReadableStream

const isBinary = (body: unknown): body is BinaryBody =>
  body instanceof Uint8Array || body instanceof ArrayBuffer || body instanceof Blob || isStream(body)
