import { Readable } from 'node:stream'
import pRetry, { AbortError } from 'p-retry'
import { type Dispatcher, type FormData, fetch, request } from 'undici'
import type { z } from 'zod'
import { pause } from '../../platform/deadline.ts'
import { causeCode, toError } from '../../platform/thrown.ts'
import { unwrap } from './envelope.ts'
import { CloudError, CloudUnreachable } from './errors.ts'
import type { MultipartBody } from './workers/multipart.ts'

export interface CloudCall {
  /** Below the base URL. */
  path: string
  signal: AbortSignal
  headers?: Record<string, string>
}

export interface CloudRead extends CloudCall {
  /** The body of a query, which is sent with POST and changes nothing. */
  post?: unknown
}

/** A call that may be repeated. Some need another method than GET, although they change nothing of an app. */
export interface CloudRead extends CloudCall {
  method?: 'POST' | 'DELETE'
  json?: unknown
}

export interface CloudWrite extends CloudCall {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  json?: unknown
  form?: FormData
  /** A body that is read while it is sent. */
  multipart?: MultipartBody
  /** True for calls whose work takes long, such as statements of a database: they have the time limit of an upload. */
  takesLong?: boolean
  /** Secret values in the body, which are masked if the answer quotes them. */
  confidential?: string[]
  /** The credential of the call, in place of the API token. */
  token?: string
  /** True if the call changes nothing that a late arrival could harm, so that nobody waits for it. */
  isHarmless?: boolean
  /** Called right before each transmission, after any wait for the rate limit. If it throws, nothing is sent. */
  beforeSend?: () => Promise<SentWrite>
}

/** Receives the outcome of a write. */
export interface SentWrite {
  answered(): Promise<void>
  /** The write got no answer: it may have taken effect, or may still arrive. */
  lost(): Promise<void>
}

export interface CloudHttp {
  /** Retries transient faults, because reads change nothing. */
  read<S extends z.ZodType>(result: S, call: CloudRead): Promise<z.output<S>>
  /** Sends once: the step decides whether to repeat a write, after it has searched for its mark. */
  write<S extends z.ZodType>(result: S, call: CloudWrite): Promise<z.output<S>>
}

/** The rate limit that all calls to one account share, see `rate-budget/`. */
export interface CallBudget {
  /** Resolves when a call may be sent. @throws CloudError 429 if that would take too long */
  take(signal: AbortSignal): Promise<void>
  /** Updates the budget from the headers of an answer. */
  note(answer: { status: number; headers: { get(name: string): string | null } }): Promise<void>
}

export interface CloudHttpOptions {
  baseUrl: string
  apiToken: string
  /** The process's pool of connections. */
  dispatcher: Dispatcher
  budget?: CallBudget | undefined
  /** Called once if a token is rejected. Returns the new token if it was replaced meanwhile. */
  renew?: ((rejected: string) => Promise<string | undefined>) | undefined
  /** The time limit of a read with its retries; 30 s by default. */
  totalMs?: number
  /** The time limit of one call until its answer; 20 s by default. */
  answerMs?: number
}

const attemptMs = 20_000
/** The longer time limit of uploads, which the cloud checks before it answers. */
const uploadFactor = 4.5
const readMs = 30_000

type Call = CloudCall & Partial<CloudWrite>

/** A client for APIs with Cloudflare's envelope. The token appears only in the Authorization header. */
export function createCloudHttp(options: CloudHttpOptions): CloudHttp {
  const { totalMs = readMs } = options
  let token = options.apiToken

  async function send(call: Call): Promise<unknown> {
    if (call.token !== undefined) return sendOnce(options, call.token, call)
    try {
      return await sendOnce(options, token, call)
    } catch (error) {
      const renewed = isRejected(error) ? await options.renew?.(token) : undefined
      if (renewed === undefined) throw error
      // A rejected call had no effect, so that even a write may be sent again with the new token.
      token = renewed
      return sendOnce(options, token, call)
    }
  }

  return {
    async read(result, { post, ...query }) {
      const call: Call = post === undefined ? query : { ...query, method: 'POST', json: post }
      const total = AbortSignal.timeout(totalMs)
      const signal = AbortSignal.any([call.signal, total])
      try {
        return await withRetries(async () => result.parse(await send({ ...call, signal })), signal)
      } catch (error) {
        if (!total.aborted || call.signal.aborted) throw error
        throw new CloudUnreachable(`no answer within ${totalMs / 1000} s`, { cause: error })
      }
    },
    write: async (result, call) => result.parse(await send(call)),
  }
}

/** True if the token was rejected; not for a malformed header, which a new token would not fix. */
const isRejected = (error: unknown) =>
  error instanceof CloudError && (error.code === 10000 || error.code === 9106 || error.code === 1000)

async function sendOnce(options: CloudHttpOptions, token: string, call: Call): Promise<unknown> {
  await options.budget?.take(call.signal)
  const sent = await call.beforeSend?.()
  const { answerMs = attemptMs } = options
  const isUpload = call.form !== undefined || call.multipart !== undefined || call.takesLong === true
  const limit = AbortSignal.timeout(Math.round(isUpload ? answerMs * uploadFactor : answerMs))
  let response: Answer
  try {
    response = await transmit(options, token, { ...call, signal: AbortSignal.any([call.signal, limit]) })
  } catch (error) {
    await sent?.lost()
    call.signal.throwIfAborted()
    const why = causeCode(error) ?? (limit.aborted ? 'time limit' : 'connection failed')
    throw new CloudUnreachable(why, { cause: error })
  }
  // A 5xx may come from a proxy in between, and says nothing about the call behind it.
  await (response.status < 500 ? sent?.answered() : sent?.lost())
  await options.budget?.note(response)
  const { status, headers, text } = response
  const redacted = redact(text, [token, ...(call.confidential ?? [])])
  return unwrap({ status, headers, text: redacted, path: call.path })
}

interface Answer {
  status: number
  headers: { get(name: string): string | null }
  text: string
}

async function transmit(
  { baseUrl, dispatcher }: CloudHttpOptions,
  token: string,
  call: Call,
): Promise<Answer> {
  const { method = 'GET', path, signal, json, form, multipart } = call
  const url = `${baseUrl}${path}`
  const headers: Record<string, string> = { ...call.headers, Authorization: `Bearer ${token}` }
  if (multipart !== undefined) {
    // `fetch` would send a body that is read meanwhile in chunks, without its length.
    headers['Content-Type'] = multipart.contentType
    headers['Content-Length'] = String(multipart.length)
    const body = Readable.from(multipart.content(), { objectMode: false })
    const response = await request(url, { method, headers, dispatcher, signal, body })
    const get = (name: string) => [response.headers[name.toLowerCase()]].flat()[0] ?? null
    return { status: response.statusCode, headers: { get }, text: await response.body.text() }
  }
  if (json !== undefined) headers['Content-Type'] = 'application/json'
  const response = await fetch(url, {
    method,
    headers,
    dispatcher,
    redirect: 'error',
    signal,
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    ...(form === undefined ? {} : { body: form }),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** Masks secret values that an answer may quote. Values of under 6 characters would match unrelated text. */
function redact(text: string, values: string[]): string {
  return values
    .filter((value) => value.length >= 6)
    .reduce((left, value) => left.replaceAll(value, '[redacted]'), text)
}

function withRetries<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return pRetry(
    async () => {
      try {
        return await work()
      } catch (error) {
        throw isTransient(error) ? error : new AbortError(toError(error))
      }
    },
    {
      retries: 3,
      minTimeout: 250,
      maxTimeout: 4000,
      randomize: true,
      maxRetryTime: 20_000,
      signal,
      onFailedAttempt: ({ error, retriesLeft }) =>
        retriesLeft > 0 ? waitForRateLimit(error, signal) : undefined,
    },
  )
}

/** The longest wait for a rate limit. For a longer one the error carries the wait, and the job is retried after it. */
const maxWaitSeconds = 5

function isTransient(error: unknown): boolean {
  if (error instanceof CloudUnreachable) return true
  if (!(error instanceof CloudError)) return false
  return error.status === 429 ? limitSeconds(error) <= maxWaitSeconds : error.status >= 500
}

const limitSeconds = (error: CloudError) => error.retryAfter ?? 1

async function waitForRateLimit(error: Error, signal: AbortSignal): Promise<void> {
  if (error instanceof CloudError && error.status === 429) await pause(limitSeconds(error) * 1000, signal)
}
