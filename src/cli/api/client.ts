import type { z } from 'zod'
import { pause } from '../../platform/deadline.ts'
import { type ApiRequest, type Fetch, passingDelay, readAnswer, request, Unreachable } from './request.ts'

export { ApiError, Unreachable } from './request.ts'

/** The API's address and the caller's credentials. */
export interface ApiAccess {
  /** Without a trailing slash. */
  url: string
  /**
   * The token to send. `refused` is a token that got a 401: then returns another one, or undefined if there is none.
   */
  token(refused?: string): Promise<string | undefined>
  fetch?: Fetch
}

export interface ApiCall extends ApiRequest {
  /** Time for which transient errors are retried; default 0, none. Only for calls that may repeat. */
  patienceMs?: number
}

/** The service's HTTP API as commands see it. */
export interface ApiClient {
  url: string
  /** @throws ApiError for a refusal, Unreachable if no server or another server responds */
  call<S extends z.ZodType>(answer: S, call: ApiCall): Promise<z.output<S>>
  /** Opens a stream of events after the one with the given number. Errors as `call`. */
  stream(path: string, after: number, signal: AbortSignal): Promise<Response>
}

const callMs = 60_000

export function createApiClient(access: ApiAccess): ApiClient {
  const { url } = access
  const fetch = access.fetch ?? globalThis.fetch

  /** Retries once with another token after a 401, if there is one: the token of this machine may have been revoked. */
  async function send(asked: ApiRequest, signal: AbortSignal): Promise<Response> {
    const token = await access.token()
    const first = await request(fetch, { url, token, signal }, asked)
    if (first.status !== 401) return first
    const other = await access.token(token)
    if (other === undefined) return first
    await first.body?.cancel()
    return request(fetch, { url, token: other, signal }, asked)
  }

  async function once<S extends z.ZodType>(answer: S, call: ApiCall): Promise<z.output<S>> {
    const body = await readAnswer(url, await send(call, AbortSignal.timeout(callMs)))
    const parsed = answer.safeParse(body)
    if (parsed.success) return parsed.data
    throw new Unreachable(`What answers at ${url} is not the API of this version of Capstan`)
  }

  return {
    url,
    async call(answer, call) {
      const giveUpAt = Date.now() + (call.patienceMs ?? 0)
      for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 4000)) {
        try {
          return await once(answer, call)
        } catch (error) {
          const delay = passingDelay(error)
          if (delay === undefined || Date.now() + Math.max(delay, waitMs) > giveUpAt) throw error
          await pause(Math.max(delay, waitMs))
        }
      }
    },
    async stream(path, after, signal) {
      const headers = { Accept: 'text/event-stream', 'Last-Event-ID': String(after) }
      const response = await send({ path, headers }, signal)
      if (!response.ok) await readAnswer(url, response)
      return response
    },
  }
}
