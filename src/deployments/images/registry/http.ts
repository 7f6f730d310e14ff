import { Readable } from 'node:stream'
import pRetry, { AbortError } from 'p-retry'
import { type Dispatcher, request as send } from 'undici'
import { pause } from '../../../platform/deadline.ts'
import { OnThisMachine } from '../../../platform/network/this-machine.ts'
import { errorCode, errorMessage, toError } from '../../../platform/thrown.ts'
import { isTransient, RegistryContentError, RegistryError, RegistryUnreachable } from './errors.ts'
import { isLoopback } from './reference.ts'

export interface Call {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH'
  url: URL
  /** Sent to the call's own host only, not to the host of a redirect. */
  authorization?: string | undefined
  headers?: Record<string, string>
  body?: Buffer | Readable
  /** The expected statuses; all others are thrown as errors. */
  ok: number[]
  signal: AbortSignal
}

export interface Answer {
  status: number
  header(name: string): string | undefined
  /** The caller must read or dump the body. */
  body: Dispatcher.ResponseData['body']
}

const redirects = new Set([301, 302, 303, 307, 308])
const maxRedirects = 5
const headersMs = 60_000
const idleMs = 30_000
/** The longest wait for a rate limit. For a longer one the error carries the wait, and the job is retried after it. */
const maxWaitSeconds = 5

/** Makes one call and follows the redirects of reads. @throws RegistryError for unexpected statuses */
export async function exchange(dispatcher: Dispatcher, call: Call): Promise<Answer> {
  let { url, authorization } = call
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const response = await once(dispatcher, { ...call, url, authorization })
    const header = (name: string) => textOf(response.headers[name])
    const location = header('location')
    if (redirects.has(response.statusCode) && location !== undefined && isRead(call)) {
      await response.body.dump()
      const next = new URL(location, url)
      requireSafe(next, call.url)
      if (next.origin !== url.origin) authorization = undefined
      url = next
      continue
    }
    if (call.ok.includes(response.statusCode))
      return { status: response.statusCode, header, body: response.body }
    // A challenge of another host is ignored: it would receive the credentials.
    throw await refusalOf(url, response, url.origin === call.url.origin)
  }
  throw new RegistryUnreachable(`${call.url.host} redirects too often`)
}

/** Like `exchange`, with retries of transient faults; for calls without a streaming body, which are all repeatable. */
export function repeated(dispatcher: Dispatcher, call: Call): Promise<Answer> {
  const attempt = async () => {
    try {
      return await exchange(dispatcher, call)
    } catch (error) {
      throw isWorthWaiting(error) ? error : new AbortError(toError(error))
    }
  }
  return pRetry(attempt, {
    ...{ retries: 4, minTimeout: 200, maxTimeout: 4000, maxRetryTime: 30_000, randomize: true },
    signal: call.signal,
    onFailedAttempt: ({ error, retriesLeft }) =>
      retriesLeft > 0 && error instanceof RegistryError && error.retryAfter !== undefined
        ? pause(error.retryAfter * 1000, call.signal)
        : undefined,
  })
}

/** Reads a small body. @throws RegistryUnreachable if it breaks off, RegistryContentError if it is too long */
export async function readBody(
  answer: Pick<Answer, 'body'>,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of answer.body) {
      size += chunk.length
      if (size > maxBytes) break
      chunks.push(chunk)
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw new RegistryUnreachable('the answer broke off', { cause: error })
  }
  if (size > maxBytes) throw new RegistryContentError(`a response is longer than ${maxBytes} bytes`)
  return Buffer.concat(chunks)
}

/** Requires https, except between registries on this machine. @throws RegistryContentError for other URLs */
export function requireSafe(url: URL, from: URL): void {
  if (url.protocol === 'https:' && url.username === '') return
  if (url.protocol === 'http:' && isLoopback(url.hostname) && isLoopback(from.hostname)) return
  throw new RegistryContentError(`${from.host} redirects to a URL that is not https`)
}

const isRead = ({ method }: Call) => method === 'GET' || method === 'HEAD'

async function once(dispatcher: Dispatcher, call: Call): Promise<Dispatcher.ResponseData> {
  const { method, url, authorization, body, signal } = call
  try {
    return await send(url, {
      dispatcher,
      method,
      signal,
      headersTimeout: headersMs,
      bodyTimeout: idleMs,
      headers: {
        'user-agent': 'capstan',
        ...call.headers,
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(body === undefined ? {} : { body }),
    })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof OnThisMachine) throw error
    const why = errorCode(error) ?? errorMessage(error)
    throw new RegistryUnreachable(`${url.host} did not answer: ${why}`, {
      cause: error,
    })
  } finally {
    if (body instanceof Readable) body.destroy()
  }
}

const textOf = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value)

function isWorthWaiting(error: unknown): boolean {
  return isTransient(error) && !(error instanceof RegistryError && (error.retryAfter ?? 0) > maxWaitSeconds)
}

async function refusalOf(url: URL, response: Dispatcher.ResponseData, own: boolean): Promise<RegistryError> {
  const { statusCode: status, headers, body } = response
  const text = await readBody({ body }, 64 * 1024).catch(() => Buffer.alloc(0))
  const seconds = Number(textOf(headers['retry-after']) ?? Number.NaN)
  return new RefusedCall(
    { host: url.host, status, ...firstError(text), ...(seconds >= 0 ? { retryAfter: seconds } : {}) },
    own ? textOf(headers['www-authenticate']) : undefined,
  )
}

/** A refusal with the registry's challenge. */
export class RefusedCall extends RegistryError {
  readonly challenge: string | undefined
  constructor(details: ConstructorParameters<typeof RegistryError>[0], challenge: string | undefined) {
    super(details)
    this.challenge = challenge
  }
}

/** The first error of `{errors: [{code, message}]}`; proxies and object stores use other formats. */
function firstError(text: Buffer): { code?: string; message?: string } {
  try {
    const [first] = JSON.parse(text.toString()).errors
    return { code: String(first.code ?? ''), message: String(first.message ?? '') }
  } catch {
    return {}
  }
}
