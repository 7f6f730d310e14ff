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
  /** For the call's own host only: a redirect to another one does not get them. */
  authorization?: string | undefined
  headers?: Record<string, string>
  body?: Buffer | Readable
  /** The statuses that are an answer; all others are thrown. */
  ok: number[]
  signal: AbortSignal
}

export interface Answer {
  status: number
  header(name: string): string | undefined
  /** To be read or dumped by the caller. */
  body: Dispatcher.ResponseData['body']
}

const redirects = new Set([301, 302, 303, 307, 308])
const mostRedirects = 5
const headersMs = 60_000
const idleMs = 30_000
/** A limit that lasts longer is not waited for here: the error says for how long, and the job comes again then. */
const patienceSeconds = 5

/** One exchange: follows the redirects of reads, and throws what is not an answer. */
export async function exchange(dispatcher: Dispatcher, call: Call): Promise<Answer> {
  let { url, authorization } = call
  for (let hops = 0; hops <= mostRedirects; hops++) {
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
    // Another host's wishes are not the registry's: it would be told the sign-in.
    throw await refusalOf(url, response, url.origin === call.url.origin)
  }
  throw new RegistryUnreachable(`${call.url.host} redirects too often`)
}

/** Like `exchange`, repeated on transient faults; for calls without a streaming body, which are all safe to repeat. */
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

/** Reads a small body. @throws RegistryUnreachable when it breaks off; RegistryContentError when it is too long. */
export async function readBody(
  answer: Pick<Answer, 'body'>,
  most: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of answer.body) {
      size += chunk.length
      if (size > most) break
      chunks.push(chunk)
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw new RegistryUnreachable('the answer broke off', { cause: error })
  }
  if (size > most) throw new RegistryContentError(`a response is longer than ${most} bytes`)
  return Buffer.concat(chunks)
}

/** TLS everywhere but on this machine, which only a registry on this machine may send us to. */
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
      ...{ dispatcher, method, signal, headersTimeout: headersMs, bodyTimeout: idleMs },
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
  return isTransient(error) && !(error instanceof RegistryError && (error.retryAfter ?? 0) > patienceSeconds)
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

/** A refusal that carries how it wants to be asked. */
export class RefusedCall extends RegistryError {
  readonly challenge: string | undefined
  constructor(about: ConstructorParameters<typeof RegistryError>[0], challenge: string | undefined) {
    super(about)
    this.challenge = challenge
  }
}

/** `{errors: [{code, message}]}`; proxies and object stores answer otherwise. */
function firstError(text: Buffer): { code?: string; message?: string } {
  try {
    const [first] = JSON.parse(text.toString()).errors
    return { code: String(first.code ?? ''), message: String(first.message ?? '') }
  } catch {
    return {}
  }
}
