import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { type Authorizer, createAuthorizer, type LoginSource } from './authorizer.ts'
import { RegistryError } from './errors.ts'
import { type Answer, type Call, exchange, repeated } from './http.ts'
import { originOf } from './reference.ts'

export type { LoginSource } from './authorizer.ts'

/** One registry, with one sign-in. */
export interface Registry {
  readonly host: string
  readonly origin: URL
  /** Is there, speaks the protocol, and lets us in for these scopes. */
  ping(signal: AbortSignal, scopes?: string[]): Promise<void>
  /** A call that is safe to repeat: it has no streaming body. */
  call(request: RegistryCall): Promise<Answer>
  /** A call that is sent once. */
  send(request: RegistryCall & { body?: Buffer | Readable }): Promise<Answer>
}

export interface RegistryCall extends Pick<Call, 'method' | 'headers' | 'ok' | 'signal'> {
  /** Below the registry's origin, or absolute as a `Location` says it. */
  path: string | URL
  scopes: string[]
}

export const pullScope = (repository: string) => `repository:${repository}:pull`
export const pushScope = (repository: string) => `repository:${repository}:pull,push`

/**
 * A client of the OCI distribution protocol. @param login asked when the registry wants one; its answer goes into
 * one header and nowhere else.
 */
export function createRegistry(options: {
  host: string
  dispatcher: Dispatcher
  login?: LoginSource | undefined
}): Registry {
  const { host, dispatcher } = options
  const origin = originOf(host)
  const authorizer: Authorizer = createAuthorizer({ origin, dispatcher, login: options.login })

  async function attempt(request: RegistryCall & { body?: Buffer | Readable }, how: typeof exchange) {
    const { path, scopes, ...rest } = request
    const url = urlOf(origin, path)
    // An upload may be continued elsewhere; our sign-in is for this registry only.
    const authorization =
      url.origin === origin.origin ? await authorizer.header(scopes, rest.signal) : undefined
    return how(dispatcher, { ...rest, url, authorization })
  }

  /** A token may end between two calls: a first 401 gets a new one. */
  async function authorized(request: RegistryCall & { body?: Buffer | Readable }, how: typeof exchange) {
    try {
      return await attempt(request, how)
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status !== 401) throw error
      authorizer.refused(request.scopes, error)
      if (request.body !== undefined && !Buffer.isBuffer(request.body)) throw error
      return attempt(request, how)
    }
  }

  return {
    host,
    origin,
    async ping(signal, scopes = []) {
      const answer = await authorized({ method: 'GET', path: '/v2/', scopes, ok: [200], signal }, repeated)
      await answer.body.dump()
    },
    call: (request) => authorized(request, repeated),
    send: (request) => authorized(request, exchange),
  }
}

/** A relative Location is allowed; one that lost its TLS behind the registry's own proxy gets it back. */
function urlOf(origin: URL, path: string | URL): URL {
  const url = new URL(path, origin)
  if (url.host === origin.host) url.protocol = origin.protocol
  return url
}
