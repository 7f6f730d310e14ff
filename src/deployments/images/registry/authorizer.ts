import type { Dispatcher } from 'undici'
import { z } from 'zod'
import { type Challenge, parseChallenge } from './challenge.ts'
import { RegistryContentError, type RegistryError } from './errors.ts'
import { RefusedCall, readBody, repeated, requireSafe } from './http.ts'

export interface Login {
  username: string
  password: string
}

/** @param renew true if the last credentials were rejected: get new ones, if possible */
export type LoginSource = (renew: boolean, signal: AbortSignal) => Promise<Login | undefined>

export interface Authorizer {
  /** The Authorization header for calls within these scopes; undefined if the registry needs none. */
  header(scopes: string[], signal: AbortSignal): Promise<string | undefined>
  /** Drops the cached token and credentials of a call that was refused with 401. */
  refused(scopes: string[], error: RegistryError): void
}

const tokenAnswer = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  // 60 is the default of the protocol; Docker Hub sends 300.
  expires_in: z.number().positive().default(60),
})

const anonymous: LoginSource = async () => undefined

/** Authenticates calls to one registry. Caches its challenge, and its tokens per scope until they expire. */
export function createAuthorizer(options: {
  origin: URL
  dispatcher: Dispatcher
  login?: LoginSource | undefined
}): Authorizer {
  const { origin, dispatcher, login = anonymous } = options
  const tokens = new Map<string, { header: Promise<string>; until: number }>()
  let challenge: Promise<Challenge | undefined> | undefined
  let renewLogin = false

  /** Reads the registry's challenge. A registry that answers 200 may still send one for a single repository. */
  async function ping(signal: AbortSignal): Promise<Challenge | undefined> {
    try {
      const answer = await repeated(dispatcher, {
        method: 'GET',
        url: new URL('/v2/', origin),
        ok: [200],
        signal,
      })
      await answer.body.dump()
      return undefined
    } catch (error) {
      if (!(error instanceof RefusedCall) || error.status !== 401) throw error
      return parseChallenge(error.challenge ?? '')
    }
  }

  async function currentLogin(signal: AbortSignal): Promise<string | undefined> {
    const renew = renewLogin
    renewLogin = false
    const found = await login(renew, signal)
    if (found === undefined) return undefined
    return `Basic ${Buffer.from(`${found.username}:${found.password}`).toString('base64')}`
  }

  async function fetchToken(
    wanted: Extract<Challenge, { scheme: 'bearer' }>,
    scopes: string[],
    signal: AbortSignal,
  ): Promise<{ token: string; seconds: number }> {
    const url = new URL(wanted.realm, origin)
    requireSafe(url, origin)
    if (wanted.service !== undefined) url.searchParams.set('service', wanted.service)
    for (const scope of scopes) url.searchParams.append('scope', scope)
    const authorization = await currentLogin(signal)
    const answer = await repeated(dispatcher, { method: 'GET', url, authorization, ok: [200], signal })
    const parsed = tokenAnswer.safeParse(parseJson(await readBody(answer, 1024 * 1024, signal)))
    const token = parsed.data?.token ?? parsed.data?.access_token
    if (token === undefined) throw new RegistryContentError(`${url.host} sent no token`)
    return { token, seconds: parsed.data?.expires_in ?? 60 }
  }

  async function bearer(
    wanted: Extract<Challenge, { scheme: 'bearer' }>,
    scopes: string[],
    signal: AbortSignal,
  ): Promise<string> {
    const key = scopes.toSorted().join(' ')
    const cached = tokens.get(key)
    if (cached !== undefined && cached.until > performance.now()) return cached.header
    const fetched = fetchToken(wanted, scopes, signal)
    const entry = {
      header: fetched.then(({ token }) => `Bearer ${token}`),
      until: performance.now() + 10_000,
    }
    tokens.set(key, entry)
    try {
      // A token is used for 80 % of its lifetime, because calls take time to arrive.
      entry.until = performance.now() + Math.max((await fetched).seconds * 800, 1000)
      return await entry.header
    } catch (error) {
      if (tokens.get(key) === entry) tokens.delete(key)
      entry.header.catch(() => undefined)
      throw error
    }
  }

  return {
    async header(scopes, signal) {
      challenge ??= ping(signal)
      const wanted = await challenge.catch((error: unknown) => {
        challenge = undefined
        throw error
      })
      if (wanted === undefined) return undefined
      if (wanted.scheme === 'bearer') return bearer(wanted, scopes, signal)
      if (wanted.scheme === 'basic') return currentLogin(signal)
      throw new RegistryContentError(`${origin.host} requires an unknown authentication scheme`)
    },
    refused(scopes, error) {
      tokens.delete(scopes.toSorted().join(' '))
      renewLogin = true
      const newChallenge = error instanceof RefusedCall ? error.challenge : undefined
      if (newChallenge !== undefined) challenge = Promise.resolve(parseChallenge(newChallenge))
    },
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
