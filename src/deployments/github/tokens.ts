import { CodedError } from '../../platform/errors.ts'
import type { GitHubRequest } from './app.ts'
import { toGitHubFault } from './faults.ts'

export type GitHubPermissions = Record<string, 'read' | 'write'>

export interface TokenRequest {
  installationId: number
  permissions: GitHubPermissions
  /** Names of repositories; all repositories of the installation if absent. */
  repositories?: string[]
}

export interface InstallationToken {
  token: string
  expiresAt: string
  /** The granted permissions: GitHub may add `metadata: read`. */
  permissions: Record<string, string>
  mintedAt: number
}

/** Tokens of installations, cached in memory until 5 minutes before they expire. */
export interface InstallationTokens {
  /** @param options.fresh true after the cached token was rejected */
  get(request: TokenRequest, options: { signal: AbortSignal; fresh?: boolean }): Promise<InstallationToken>
}

const earlierMs = 5 * 60_000
// A limit besides the expiry time: a slow local clock must not keep expired tokens.
const maxAgeMs = 55 * 60_000
const maxCachedTokens = 1000
const mintMs = 20_000

export function createInstallationTokens(asApp: GitHubRequest): InstallationTokens {
  const cache = new Map<string, Promise<InstallationToken>>()

  // The call has its own time limit, because other requests may share it after the first caller has left.
  async function mint(request: TokenRequest): Promise<InstallationToken> {
    try {
      const { data } = await asApp('POST /app/installations/{installation_id}/access_tokens', {
        installation_id: request.installationId,
        permissions: request.permissions,
        ...(request.repositories === undefined ? {} : { repositories: request.repositories }),
        request: { signal: AbortSignal.timeout(mintMs) },
      })
      const permissions = (data.permissions ?? {}) as Record<string, string>
      return { token: data.token, expiresAt: data.expires_at, permissions, mintedAt: performance.now() }
    } catch (error) {
      throw toGitHubFault(error, 'app')
    }
  }

  /** Mints and caches a token without an await in between, so that simultaneous requests share one token. */
  function mintAndCache(key: string, request: TokenRequest): Promise<InstallationToken> {
    const minted = mint(request)
    cache.delete(key)
    cache.set(key, minted)
    const [oldest] = cache.keys()
    if (cache.size > maxCachedTokens && oldest !== undefined) cache.delete(oldest)
    minted.catch(() => {
      if (cache.get(key) === minted) cache.delete(key)
    })
    return minted
  }

  return {
    async get(request, { signal, fresh = false }) {
      const key = keyOf(request)
      const before = cache.get(key)
      const found = fresh ? undefined : await before?.catch(() => undefined)
      if (found !== undefined && isFresh(found)) return found
      const now = cache.get(key)
      // Another request may have renewed the token while this one waited.
      const pending = now !== undefined && now !== before ? now : mintAndCache(key, request)
      const token = await pending
      signal.throwIfAborted()
      return token
    },
  }
}

function isFresh({ expiresAt, mintedAt }: InstallationToken): boolean {
  // The age is measured too, because GitHub's clock may differ from the local one.
  return Date.now() < Date.parse(expiresAt) - earlierMs && performance.now() < mintedAt + maxAgeMs
}

function keyOf({ installationId, permissions, repositories }: TokenRequest): string {
  const sorted = Object.entries(permissions).toSorted(([a], [b]) => a.localeCompare(b))
  return JSON.stringify([installationId, sorted, repositories?.toSorted() ?? null])
}

/** The error AUTH_001 for a missing App. */
export function notConfigured(): CodedError {
  return new CodedError('AUTH_001', 'No GitHub App is configured', {
    suggestedAction: 'Set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY or GITHUB_APP_PRIVATE_KEY_FILE',
  })
}
