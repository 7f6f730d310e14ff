import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { type Authorizer, createAuthorizer, type LoginSource } from './authorizer.ts'
import { RegistryError } from './errors.ts'
import { type Answer, type Call, exchange, repeated } from './http.ts'
import { originOf } from './reference.ts'

export type { LoginSource } from './authorizer.ts'

/** A client for one registry with one set of credentials. */
export interface Registry {
  readonly host: string
  readonly origin: URL
  /** Checks that the registry is reachable, uses the protocol, and grants these scopes. */
  ping(signal: AbortSignal, scopes?: string[]): Promise<void>
  /** Makes a call with retries; it must have no streaming body. */
  call(request: RegistryCall): Promise<Answer>
  /** Makes a call without retries. */
  send(request: RegistryCall & { body?: Buffer | Readable }): Promise<Answer>
}

export interface RegistryCall extends Pick<Call, 'method' | 'headers' | 'ok' | 'signal'> {
  /** A path below the registry's origin, or an absolute URL from a `Location` header. */
  path: string | URL
  scopes: string[]
}

export const pullScope = (repository: string) => `repository:${repository}:pull`
export const pushScope = (repository: string) => `repository:${repository}:pull,push`

/**
 * A client of the OCI distribution protocol.
 * @param options.login called if the registry requires credentials, which appear only in the Authorization header
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
    // An upload may continue on another host, which must not receive the credentials of this registry.
    const authorization =
      url.origin === origin.origin ? await authorizer.header(scopes, rest.signal) : undefined
    return how(dispatcher, { ...rest, url, authorization })
  }

  /** Retries once after a 401 with a new token: a token may expire between two calls. */
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

/** Resolves a Location, which may be relative. Restores https if the registry's own proxy dropped it. */
function urlOf(origin: URL, path: string | URL): URL {
  const url = new URL(path, origin)
  if (url.host === origin.host) url.protocol = origin.protocol
  return url
}
