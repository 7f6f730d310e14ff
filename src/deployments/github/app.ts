import { randomUUID } from 'node:crypto'
import { createAppAuth } from '@octokit/auth-app'
import { request as octokit } from '@octokit/request'
import { SignJWT } from 'jose'
import { type Dispatcher, fetch as undiciFetch } from 'undici'
import type { Logger } from '../../platform/logging/logging.ts'
import type { GitHubConfig } from '../config.ts'

export type GitHubAppConfig = { baseUrl: string } & NonNullable<GitHubConfig['app']>
export type GitHubRequest = typeof octokit

export interface AppOptions {
  app: GitHubAppConfig
  dispatcher: Dispatcher
  log: Logger
}

const callMs = 10_000
// GitHub accepts at most ten minutes after `iat` by its own clock; one minute remains for clock differences.
const lifeSeconds = 540
const earlierSeconds = 30

/** A client for GitHub over the given connection pool, with a time limit for each call. */
export function createGitHubRequest({
  app,
  dispatcher,
}: Pick<AppOptions, 'app' | 'dispatcher'>): GitHubRequest {
  const through = (url: string, init: RequestInit = {}) => {
    const signals = [AbortSignal.timeout(callMs), ...(init.signal ? [init.signal] : [])]
    return undiciFetch(url, { ...(init as object), dispatcher, signal: AbortSignal.any(signals) })
  }
  return octokit.defaults({
    baseUrl: app.baseUrl,
    headers: { 'user-agent': 'capstan', 'x-github-api-version': '2022-11-28' },
    request: { fetch: through },
  })
}

/** A client that authenticates as the App with an RS256 JWT. Retries once by GitHub's clock if the local is wrong. */
export function asApp({ app, log }: AppOptions, request: GitHubRequest): GitHubRequest {
  const auth = createAppAuth({
    appId: app.id,
    createJwt: (id, skewSeconds) => signed(app, { id: String(id), skewSeconds: skewSeconds ?? 0 }),
    request,
    log: {
      debug: (message: string) => log.debug(message),
      info: (message: string) => log.info(message),
      warn: (message: string) => log.warn(message),
      error: (message: string) => log.error(message),
    },
  })
  return request.defaults({ request: { hook: auth.hook } })
}

async function signed({ privateKey }: GitHubAppConfig, options: { id: string; skewSeconds: number }) {
  const now = Math.floor(Date.now() / 1000) + options.skewSeconds
  const exp = now - earlierSeconds + lifeSeconds
  const jwt = await new SignJWT()
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(options.id)
    .setIssuedAt(now - earlierSeconds)
    .setExpirationTime(exp)
    // GitHub has been seen to refuse two equal tokens of the same second.
    .setJti(randomUUID())
    .sign(privateKey)
  return { jwt, expiresAt: new Date(exp * 1000).toISOString() }
}
