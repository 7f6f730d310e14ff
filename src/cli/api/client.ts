import type { z } from 'zod'
import { type ApiRequest, type CapstanClient, createClient, type Fetch } from '../../../client/src/index.ts'
import { Unreachable } from './unreachable.ts'

export { ApiError } from '../../../client/src/index.ts'

/** The API's address and the caller's credentials. */
export interface ApiAccess {
  /** Without a trailing slash. */
  url: string
  /**
   * The token to send. `refused` is a token that the API refused: then returns another one, or undefined if there is none.
   */
  token(refused?: string): Promise<string | undefined>
  fetch?: Fetch
  /** How the service was chosen, for people: `the context prod`. */
  chosenBy?: string
}

/** A call of an answer that is checked, of which the schema names what the command reads. */
export interface ApiCall extends Omit<ApiRequest, 'body'> {
  json?: unknown
  /** Bytes, in place of `json`. */
  body?: Uint8Array<ArrayBuffer>
}

/** The service's HTTP API as commands see it. */
export interface ApiClient {
  url: string
  /** The operations of the document, with their types. */
  api: CapstanClient
  chosenBy: string | undefined
  /** @throws ApiError for a refusal, ConnectionError if no server or another server responds */
  call<S extends z.ZodType>(answer: S, call: ApiCall): Promise<z.output<S>>
}

export function createApiClient(access: ApiAccess): ApiClient {
  const { url, fetch, chosenBy } = access
  const api = createClient({
    url,
    auth: { token: (refused) => access.token(refused) },
    // A command that can wait says so in its call: others end at once, so that scripts see that the service is away.
    patienceMs: 0,
    ...(fetch === undefined ? {} : { fetch }),
  })
  return {
    url,
    api,
    chosenBy,
    async call(answer, { json, body, ...request }) {
      const parsed = answer.safeParse(await api.request({ ...request, body: body ?? json }))
      if (parsed.success) return parsed.data
      throw new Unreachable(`What answers at ${url} is not the API of this version of Capstan`)
    },
  }
}
