import type { Dispatcher } from 'undici'
import { z } from 'zod'
import { type Challenge, parseChallenge } from './challenge.ts'
import { RegistryContentError, type RegistryError } from './errors.ts'
import { RefusedCall, readBody, repeated, requireSafe } from './http.ts'

export interface Login {
  username: string
  password: string
}

/** @param renew the last ones were refused: get others, if there are any. */
export type LoginSource = (renew: boolean, signal: AbortSignal) => Promise<Login | undefined>

export interface Authorizer {
  /** The header for calls within these scopes; undefined where none is wanted. */
  header(scopes: string[], signal: AbortSignal): Promise<string | undefined>
  /** A call was refused with 401: what was cached for it is no good. */
  refused(scopes: string[], error: RegistryError): void
}

const tokenAnswer = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  // The protocol's default; Docker Hub answers 300.
  expires_in: z.number().positive().default(60),
})

const anonymous: LoginSource = async () => undefined

/** Finds out how one registry wants to be asked, and keeps its tokens for as long as they live, per scope. */
export function createAuthorizer(options: {
  origin: URL
  dispatcher: Dispatcher
  login?: LoginSource | undefined
}): Authorizer {
  const { origin, dispatcher, login = anonymous } = options
  const tokens = new Map<string, { header: Promise<string>; until: number }>()
  let challenge: Promise<Challenge | undefined> | undefined
  let renewLogin = false

  /** A ping tells it. A registry that answers 200 may still ask later, for a single repository. */
  async function ping(signal: AbortSignal): Promise<Challenge | undefined> {
    try {
      const answer = await repeated(dispatcher, {
        ...{ method: 'GET', url: new URL('/v2/', origin), ok: [200], signal },
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
    const asked = fetchToken(wanted, scopes, signal)
    const entry = { header: asked.then(({ token }) => `Bearer ${token}`), until: performance.now() + 10_000 }
    tokens.set(key, entry)
    try {
      // Not used in its last moments: a call takes its time to arrive.
      entry.until = performance.now() + Math.max((await asked).seconds * 800, 1000)
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
      const asked = error instanceof RefusedCall ? error.challenge : undefined
      if (asked !== undefined) challenge = Promise.resolve(parseChallenge(asked))
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
