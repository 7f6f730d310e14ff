import { z } from 'zod'
import { errorCode, errorMessage, propertiesOf } from '../../platform/thrown.ts'

export interface ApiRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  query?: Record<string, string | number | undefined>
  json?: unknown
  /** Bytes, in place of `json`. */
  body?: Uint8Array<ArrayBuffer>
  headers?: Record<string, string>
}

export type Fetch = typeof globalThis.fetch

const envelope = z.object({
  error: z.looseObject({
    code: z.string(),
    message: z.string(),
    details: z
      .looseObject({
        fields: z.array(z.object({ path: z.string(), problem: z.string() })).default([]),
        correlationId: z.string().optional(),
      })
      .default({ fields: [] }),
    suggestedAction: z.string().optional(),
  }),
})
export type ErrorEnvelope = z.output<typeof envelope>

/** A refusal of the API, from its error envelope. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly status: number
  readonly envelope: ErrorEnvelope
  readonly retryAfterMs: number

  constructor(status: number, answer: ErrorEnvelope, retryAfterMs: number) {
    super(answer.error.message)
    this.status = status
    this.envelope = answer
    this.retryAfterMs = retryAfterMs
  }
}

/** No response, or the response of another server. */
export class Unreachable extends Error {
  override name = 'Unreachable'
}

/** Sends one HTTP request; the body is not read. @throws Unreachable */
export async function request(
  fetch: Fetch,
  to: { url: string; token: string | undefined; signal: AbortSignal },
  asked: ApiRequest,
): Promise<Response> {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    if (value !== undefined) query.set(name, String(value))
  }
  const target = `${to.url}${asked.path}${query.size > 0 ? `?${query}` : ''}`
  const headers: Record<string, string> = { Accept: 'application/json', ...asked.headers }
  if (to.token !== undefined) headers.Authorization = `Bearer ${to.token}`
  if (asked.json !== undefined) headers['Content-Type'] = 'application/json'
  if (asked.body !== undefined) headers['Content-Type'] = 'application/octet-stream'
  try {
    return await fetch(target, {
      method: asked.method ?? 'GET',
      headers,
      signal: to.signal,
      // A redirect would send the token to another host.
      redirect: 'error',
      ...(asked.json === undefined ? {} : { body: JSON.stringify(asked.json) }),
      ...(asked.body === undefined ? {} : { body: asked.body }),
    })
  } catch (error) {
    throw new Unreachable(`Capstan can't be reached at ${to.url} (${reasonOf(error)})`, { cause: error })
  }
}

/** @returns the parsed body of a successful response. @throws ApiError, Unreachable */
export async function readAnswer(url: string, response: Response): Promise<unknown> {
  let body: unknown
  try {
    body = JSON.parse(await response.text())
  } catch (error) {
    const broken = error instanceof SyntaxError ? `HTTP ${response.status}` : reasonOf(error)
    throw new Unreachable(`What answers at ${url} is not Capstan's API (${broken})`, { cause: error })
  }
  if (response.ok) return body
  const parsed = envelope.safeParse(body)
  if (parsed.success) throw new ApiError(response.status, parsed.data, retryAfterOf(response))
  throw new Unreachable(`What answers at ${url} is not Capstan's API (HTTP ${response.status})`)
}

const passingStatus = new Set([429, 502, 503, 504])

/** The minimum delay before a retry, in ms; undefined if a retry cannot help. */
export function passingDelay(error: unknown): number | undefined {
  if (error instanceof Unreachable) return 0
  if (!(error instanceof ApiError)) return undefined
  // REQ_007: an earlier attempt of the same request, whose connection broke, is still being processed.
  if (passingStatus.has(error.status) || error.envelope.error.code === 'REQ_007') return error.retryAfterMs
  return undefined
}

function retryAfterOf(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 0)
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 60) * 1000 : 0
}

/** The message of `fetch` is only `fetch failed`: the reason is in its cause. */
function reasonOf(error: unknown): string {
  if (propertiesOf(error).name === 'TimeoutError') return 'no answer in time'
  const cause = error instanceof Error ? error.cause : undefined
  return errorCode(cause) ?? errorMessage(cause ?? error)
}
