import { type Auth, type Credential, credentialOf } from './auth.ts'
import { ApiError, ConnectionError, envelopeOf, propertiesOf } from './errors.ts'
import { type ApiRequest, contentOf, isStream, urlOf } from './request.ts'

export type Fetch = (input: string, init: RequestInit) => Promise<Response>

export interface TransportOptions {
  /** Without a trailing slash; empty in a page of the service. */
  url: string
  auth: Auth | undefined
  fetch: Fetch
  headers: Record<string, string>
  timeoutMs: number
  patienceMs: number
  onRetry: ((retry: Retry) => void) | undefined
}

/** A failed attempt that is repeated after a delay. */
export interface Retry {
  error: ApiError | ConnectionError
  delayMs: number
}

export interface Transport {
  url: string
  /** Sends a request, repeats it where that may help, and reads its answer. @throws ApiError, ConnectionError */
  perform<T>(request: ApiRequest, read: (response: Response) => Promise<T>): Promise<T>
  /** Opens a stream, once; the signal ends it. @throws ApiError, ConnectionError */
  open(request: ApiRequest, signal: AbortSignal): Promise<Response>
}

const idempotentMethods = new Set(['GET', 'PUT', 'DELETE'])

export function createTransport(options: TransportOptions): Transport {
  const { url } = options

  /** Sends a request with a credential. */
  async function send(
    { target, init }: Prepared,
    credential: Credential,
    signal: AbortSignal,
  ): Promise<Response> {
    const headers = { ...init.headers, ...credential.headers }
    const { credentials } = credential
    const given = { ...init, headers, signal, ...(credentials === undefined ? {} : { credentials }) }
    try {
      return await options.fetch(target, given)
    } catch (error) {
      throw connectionErrorOf(url, error)
    }
  }

  async function attempt(prepared: Prepared, signal: AbortSignal): Promise<Response> {
    const asking = { method: prepared.init.method, url }
    const credential = (await credentialOf(options.auth, asking)) ?? { headers: {} }
    const response = await send(prepared, credential, signal)
    if (response.ok) return response
    const error = await refusalOf(url, response, prepared.answerStatus)
    if (error instanceof Response) return error
    const { token } = credential
    if (token === undefined || !isAboutCredential(error) || isStream(prepared.init.body)) throw error
    const other = await credentialOf(options.auth, { ...asking, refused: token })
    if (other === undefined) throw error
    const second = await send(prepared, other, signal)
    if (second.ok) return second
    const refusal = await refusalOf(url, second, prepared.answerStatus)
    if (refusal instanceof Response) return refusal
    throw refusal
  }

  async function once<T>(
    prepared: Prepared,
    { limit, own }: { limit: AbortSignal; own: AbortSignal | undefined },
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    try {
      const response = await attempt(prepared, own === undefined ? limit : AbortSignal.any([limit, own]))
      return await read(response).catch((error: unknown) => {
        throw connectionErrorOf(url, error)
      })
    } catch (error) {
      own?.throwIfAborted()
      throw error
    }
  }

  return {
    url,
    async perform(request, read) {
      const prepared = prepare(request, options)
      const own = request.signal
      const startedAt = Date.now()
      for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 4000)) {
        const limit = AbortSignal.timeout(request.timeoutMs ?? options.timeoutMs)
        try {
          return await once(prepared, { limit, own }, read)
        } catch (error) {
          const delay = isStream(request.body) ? undefined : passingDelay(error)
          const mayRepeat = isRepeatable(request) || isBeforeWork(error)
          const giveUpAt = startedAt + (request.patienceMs ?? (mayRepeat ? options.patienceMs : 0))
          if (delay === undefined || Date.now() + Math.max(delay, waitMs) > giveUpAt) throw error
          // Callers that failed together come back at different times.
          const delayMs = Math.max(delay, waitMs * (0.75 + Math.random() / 2))
          options.onRetry?.({ error: error as Retry['error'], delayMs })
          await pause(delayMs, request.signal)
        }
      }
    },
    async open(request, signal) {
      return await once(
        prepare(request, options),
        { limit: signal, own: undefined },
        async (response) => response,
      )
    },
  }
}

/** A request that can be sent several times, with any credential. */
interface Prepared {
  target: string
  answerStatus: number | undefined
  init: RequestInit & { method: string; headers: Record<string, string> }
}

function prepare(request: ApiRequest, { url, headers }: TransportOptions): Prepared {
  const { method = 'GET', idempotencyKey: key } = request
  const content = contentOf(request.body)
  return {
    target: urlOf(url, request),
    answerStatus: request.answerStatus,
    init: {
      method,
      // A redirect would send the credential to another host.
      redirect: 'error',
      headers: {
        Accept: 'application/json',
        ...headers,
        ...content.headers,
        ...(key === undefined ? {} : { 'Idempotency-Key': key }),
        ...request.headers,
      },
      ...(content.body === undefined ? {} : { body: content.body }),
      ...(isStream(content.body) ? { duplex: 'half' } : {}),
    },
  }
}

/** A token that the API does not accept, or one without a scope that the call needs. */
const isAboutCredential = (error: unknown) =>
  error instanceof ApiError && (error.status === 401 || error.code === 'ACCESS_003')

/** A POST is repeated only with a key by which the service recognises the repetition. */
const isRepeatable = ({ method = 'GET', idempotencyKey }: ApiRequest) =>
  idempotentMethods.has(method) || idempotencyKey !== undefined

/** The rate limit refuses a request before it is looked at. */
const isBeforeWork = (error: unknown) => error instanceof ApiError && error.code === 'SYS_003'

const passingStatus = new Set([429, 502, 503, 504])

/** The minimum delay before a repetition, in ms; undefined if a repetition cannot help. */
export function passingDelay(error: unknown): number | undefined {
  if (error instanceof ConnectionError) return 0
  if (!(error instanceof ApiError)) return undefined
  // REQ_007: an earlier attempt of the same request, whose connection broke, is still being processed.
  return passingStatus.has(error.status) || error.code === 'REQ_007' ? error.retryAfterMs : undefined
}

/** Reads the body of a response as JSON. @throws ConnectionError if it is no JSON */
export async function readJson(url: string, response: Response): Promise<unknown> {
  if (response.status === 204) return undefined
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch (error) {
    throw notCapstan(url, response, error)
  }
}

/** The error that a response describes; or the response, if it holds none and its status is one of an answer. */
async function refusalOf(
  url: string,
  response: Response,
  answerStatus: number | undefined,
): Promise<ApiError | ConnectionError | Response> {
  const body = await readJson(url, response)
  const envelope = envelopeOf(body)
  if (envelope === undefined && response.status === answerStatus) {
    const { status, headers } = response
    return new Response(JSON.stringify(body), { status, headers })
  }
  if (envelope === undefined) return notCapstan(url, response)
  const { headers, status } = response
  return new ApiError(
    { status, retryAfterMs: retryAfterOf(headers), correlationId: headers.get('x-correlation-id') },
    envelope,
  )
}

const notCapstan = (url: string, { status }: Response, cause?: unknown) =>
  new ConnectionError('not-capstan', `What answers at ${url} is not Capstan's API (HTTP ${status})`, {
    cause,
  })

const maxRetryAfterSeconds = 60

function retryAfterOf(headers: Headers): number {
  const seconds = Number(headers.get('retry-after') ?? 0)
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), maxRetryAfterSeconds) * 1000 : 0
}

/** Errors of `fetch` as `ConnectionError`, and all others as they are. */
function connectionErrorOf(url: string, error: unknown): unknown {
  if (error instanceof ApiError || error instanceof ConnectionError) return error
  const { name } = propertiesOf(error)
  if (name === 'TimeoutError')
    return new ConnectionError('timeout', `Capstan can't be reached at ${url} (no answer in time)`, {
      cause: error,
    })
  if (!(error instanceof TypeError) && name !== 'AbortError') return error
  return new ConnectionError('unreachable', `Capstan can't be reached at ${url} (${reasonOf(error)})`, {
    cause: error,
  })
}

/** The message of Node's `fetch` is only `fetch failed`: the reason is in its cause. */
function reasonOf(error: unknown): string {
  const cause = propertiesOf(error).cause ?? error
  const { code, message } = propertiesOf(cause)
  return String(code ?? message ?? cause)
}

/** Resolves after `ms`; rejects with the signal's reason if it is aborted before. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}
