import pRetry, { AbortError } from 'p-retry'
import { type FormData, fetch } from 'undici'
import { z } from 'zod'
import { pause } from '../platform/deadline.ts'
import { createOutgoing } from '../platform/outgoing.ts'
import { CloudError, CloudUnreachable } from './cloudflare-errors.ts'

export interface CloudCall {
  /** Below the base URL. */
  path: string
  signal: AbortSignal
}

export interface CloudWrite extends CloudCall {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  json?: unknown
  form?: FormData
}

export interface CloudHttp {
  /** Repeated on transient faults: it changes nothing. */
  read<S extends z.ZodType>(result: S, call: CloudCall): Promise<z.output<S>>
  /** Sent once: whether to repeat a write is for the step to decide, after it has looked for its mark. */
  write<S extends z.ZodType>(result: S, call: CloudWrite): Promise<z.output<S>>
}

const envelope = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })).default([]),
  result: z.unknown(),
})

const attemptMs = 20_000
const uploadMs = 90_000

/** Speaks Cloudflare's envelope. The token goes into one header and nowhere else. */
export function createCloudHttp(options: { baseUrl: string; apiToken: string }): CloudHttp {
  const dispatcher = createOutgoing()

  async function send(call: CloudCall & Partial<CloudWrite>): Promise<unknown> {
    const limit = AbortSignal.timeout(call.form === undefined ? attemptMs : uploadMs)
    const headers: Record<string, string> = { Authorization: `Bearer ${options.apiToken}` }
    if (call.json !== undefined) headers['Content-Type'] = 'application/json'
    let status: number
    let text: string
    let response: Awaited<ReturnType<typeof fetch>>
    try {
      response = await fetch(`${options.baseUrl}${call.path}`, {
        method: call.method ?? 'GET',
        headers,
        dispatcher,
        redirect: 'error',
        signal: AbortSignal.any([call.signal, limit]),
        ...(call.json === undefined ? {} : { body: JSON.stringify(call.json) }),
        ...(call.form === undefined ? {} : { body: call.form }),
      })
      status = response.status
      text = await response.text()
    } catch (error) {
      call.signal.throwIfAborted()
      const { cause } = error as { cause?: { code?: string } }
      throw new CloudUnreachable(cause?.code ?? (limit.aborted ? 'time limit' : 'connection failed'), {
        cause: error,
      })
    }
    return unwrap({ status, text, headers: response.headers })
  }

  return {
    read: (result, call) =>
      pRetry(
        async () => {
          try {
            return result.parse(await send(call))
          } catch (error) {
            throw isTransient(error) ? error : new AbortError(error as Error)
          }
        },
        {
          retries: 3,
          minTimeout: 250,
          maxTimeout: 4000,
          randomize: true,
          maxRetryTime: 20_000,
          signal: call.signal,
          onFailedAttempt: ({ error, retriesLeft }) =>
            retriesLeft > 0 ? waitAsTold(error, call.signal) : undefined,
        },
      ),
    write: async (result, call) => result.parse(await send(call)),
  }
}

function unwrap(answer: {
  status: number
  text: string
  headers: { get(name: string): string | null }
}): unknown {
  const { status, text, headers } = answer
  const about = { status, retryAfter: retryAfterOf(headers), ray: headers.get('cf-ray') ?? undefined }
  const parsed = envelope.safeParse(parseJson(text))
  if (!parsed.success) {
    // Proxies and overload answer without the envelope; a cut-off success is as good as no answer.
    if (status < 400) throw new CloudUnreachable('an answer that is not the API’s')
    throw new CloudError(`HTTP ${status}`, { ...about, code: 0 })
  }
  if (parsed.data.success && status < 400) return parsed.data.result
  const first = parsed.data.errors[0]
  throw new CloudError(first?.message ?? `HTTP ${status}`, { ...about, code: first?.code ?? 0 })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function retryAfterOf(headers: { get(name: string): string | null }): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 300) : undefined
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
