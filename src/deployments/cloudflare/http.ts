import pRetry, { AbortError } from 'p-retry'
import { type Dispatcher, type FormData, fetch } from 'undici'
import type { z } from 'zod'
import { pause } from '../../platform/deadline.ts'
import { causeCode, toError } from '../../platform/thrown.ts'
import { unwrap } from './envelope.ts'
import { CloudError, CloudUnreachable } from './errors.ts'

export interface CloudCall {
  /** Below the base URL. */
  path: string
  signal: AbortSignal
}

export interface CloudWrite extends CloudCall {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  json?: unknown
  form?: FormData
  /** Values in it that an answer may quote and nobody else may see. */
  confidential?: string[]
  /** Asked right before each time it is sent, after any wait for its turn; not sent when this throws. */
  sending?: () => Promise<SentWrite>
}

/** Told what became of a write. */
export interface SentWrite {
  answered(): Promise<void>
  /** It was given up: it may have been done, or arrive yet. */
  lost(): Promise<void>
}

export interface CloudHttp {
  /** Repeated on transient faults: it changes nothing. */
  read<S extends z.ZodType>(result: S, call: CloudCall): Promise<z.output<S>>
  /** Sent once: whether to repeat a write is for the step to decide, after it has looked for its mark. */
  write<S extends z.ZodType>(result: S, call: CloudWrite): Promise<z.output<S>>
}

/** What all calls to one account share, see `budget.ts`. */
export interface CallBudget {
  /** Resolves when a call may be sent. @throws CloudError 429 when that is too far off. */
  take(signal: AbortSignal): Promise<void>
  /** Learns from an answer. */
  note(answer: { status: number; headers: { get(name: string): string | null } }): Promise<void>
}

export interface CloudHttpOptions {
  baseUrl: string
  apiToken: string
  /** The process's pool of connections. */
  dispatcher: Dispatcher
  budget?: CallBudget | undefined
  /** Asked once when a token is rejected: another one, if it was replaced meanwhile. */
  renew?: ((rejected: string) => Promise<string | undefined>) | undefined
  /** A read with its repeats; 30 s by default. */
  totalMs?: number
  /** One call until its answer is there; 20 s by default. */
  answerMs?: number
}

const attemptMs = 20_000
/** An upload takes longer, and the cloud looks at what it got before it answers. */
const uploadFactor = 4.5
const readMs = 30_000

type Call = CloudCall & Partial<CloudWrite>

/** Speaks Cloudflare's envelope. The token goes into one header and nowhere else. */
export function createCloudHttp(options: CloudHttpOptions): CloudHttp {
  const { totalMs = readMs } = options
  let token = options.apiToken

  async function send(call: Call): Promise<unknown> {
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
    async read(result, call) {
      const total = AbortSignal.timeout(totalMs)
      const signal = AbortSignal.any([call.signal, total])
      try {
        return await retried(async () => result.parse(await send({ ...call, signal })), signal)
      } catch (error) {
        if (!total.aborted || call.signal.aborted) throw error
        throw new CloudUnreachable(`no answer within ${totalMs / 1000} s`, { cause: error })
      }
    },
    write: async (result, call) => result.parse(await send(call)),
  }
}

/** Of a token that is not good any more; not of a malformed header, which a new one would not mend. */
const isRejected = (error: unknown) =>
  error instanceof CloudError && (error.code === 10000 || error.code === 9106 || error.code === 1000)

async function sendOnce(options: CloudHttpOptions, token: string, call: Call): Promise<unknown> {
  await options.budget?.take(call.signal)
  const sent = await call.sending?.()
  const { answerMs = attemptMs } = options
  const limit = AbortSignal.timeout(Math.round(call.form === undefined ? answerMs : answerMs * uploadFactor))
  const headers: Record<string, string> = { Authorization: `Bearer ${token}` }
  if (call.json !== undefined) headers['Content-Type'] = 'application/json'
  let response: Awaited<ReturnType<typeof fetch>>
  let text: string
  try {
    response = await fetch(`${options.baseUrl}${call.path}`, {
      method: call.method ?? 'GET',
      headers,
      dispatcher: options.dispatcher,
      redirect: 'error',
      signal: AbortSignal.any([call.signal, limit]),
      ...(call.json === undefined ? {} : { body: JSON.stringify(call.json) }),
      ...(call.form === undefined ? {} : { body: call.form }),
    })
    text = await response.text()
  } catch (error) {
    await sent?.lost()
    call.signal.throwIfAborted()
    const why = causeCode(error) ?? (limit.aborted ? 'time limit' : 'connection failed')
    throw new CloudUnreachable(why, { cause: error })
  }
  // What stands in between answers 5xx as well, whatever becomes of the call behind it.
  await (response.status < 500 ? sent?.answered() : sent?.lost())
  await options.budget?.note(response)
  const { status, headers: answered } = response
  const shown = without(text, [token, ...(call.confidential ?? [])])
  return unwrap({ status, headers: answered, text: shown, path: call.path })
}

/** Nobody promises that an answer does not quote what it was sent. Shorter values would hit any text. */
function without(text: string, values: string[]): string {
  return values
    .filter((value) => value.length >= 6)
    .reduce((left, value) => left.replaceAll(value, '[redacted]'), text)
}

function retried<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
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
      onFailedAttempt: ({ error, retriesLeft }) => (retriesLeft > 0 ? waitAsTold(error, signal) : undefined),
    },
  )
}

/** A limit that lasts longer is not waited for here: the error says for how long, and its job comes again then. */
const patienceSeconds = 5

function isTransient(error: unknown): boolean {
  if (error instanceof CloudUnreachable) return true
  if (!(error instanceof CloudError)) return false
  return error.status === 429 ? limitSeconds(error) <= patienceSeconds : error.status >= 500
}

const limitSeconds = (error: CloudError) => error.retryAfter ?? 1

async function waitAsTold(error: Error, signal: AbortSignal): Promise<void> {
  if (error instanceof CloudError && error.status === 429) await pause(limitSeconds(error) * 1000, signal)
}
