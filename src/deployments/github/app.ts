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
// Not later than ten minutes after `iat`, by the clock of GitHub; a minute is left for clocks that differ.
const lifeSeconds = 540
const earlierSeconds = 30

/** Calls to GitHub through our own pool, each with a time limit. */
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

/** The same as the App itself: signed RS256; when GitHub finds our clock wrong, once more by GitHub's clock. */
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

async function signed({ privateKey }: GitHubAppConfig, about: { id: string; skewSeconds: number }) {
  const now = Math.floor(Date.now() / 1000) + about.skewSeconds
  const exp = now - earlierSeconds + lifeSeconds
  const jwt = await new SignJWT()
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(about.id)
    .setIssuedAt(now - earlierSeconds)
    .setExpirationTime(exp)
    // Two equal tokens of one second were seen to be refused.
    .setJti(randomUUID())
    .sign(privateKey)
  return { jwt, expiresAt: new Date(exp * 1000).toISOString() }
}
