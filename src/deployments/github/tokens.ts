import { CodedError } from '../../platform/errors.ts'
import type { GitHubRequest } from './app.ts'
import { toGitHubFault } from './faults.ts'

export type GitHubPermissions = Record<string, 'read' | 'write'>

export interface TokenWish {
  installationId: number
  permissions: GitHubPermissions
  /** Names of repositories; all of the installation's when absent. */
  repositories?: string[]
}

export interface InstallationToken {
  token: string
  expiresAt: string
  /** What GitHub granted: it may add `metadata: read`. */
  permissions: Record<string, string>
  mintedAt: number
}

/** Tokens of installations, in memory only, until 5 minutes before their end. */
export interface InstallationTokens {
  /** @param fresh after the kept one was rejected. */
  get(wish: TokenWish, about: { signal: AbortSignal; fresh?: boolean }): Promise<InstallationToken>
}

const earlierMs = 5 * 60_000
// Beside the told end: a clock of ours that is slow must not keep them for longer than they live.
const longestMs = 55 * 60_000
const mostKept = 1000
const mintMs = 20_000

export function createInstallationTokens(asApp: GitHubRequest): InstallationTokens {
  const kept = new Map<string, Promise<InstallationToken>>()

  // Under a limit of its own: others may be waiting for it whose caller has not gone away.
  async function mint(wish: TokenWish): Promise<InstallationToken> {
    try {
      const { data } = await asApp('POST /app/installations/{installation_id}/access_tokens', {
        installation_id: wish.installationId,
        permissions: wish.permissions,
        ...(wish.repositories === undefined ? {} : { repositories: wish.repositories }),
        request: { signal: AbortSignal.timeout(mintMs) },
      })
      const permissions = (data.permissions ?? {}) as Record<string, string>
      return { token: data.token, expiresAt: data.expires_at, permissions, mintedAt: performance.now() }
    } catch (error) {
      throw toGitHubFault(error, 'app')
    }
  }

  /** Between looking and keeping nothing is awaited, so that who asks at once gets one and the same. */
  function keep(key: string, wish: TokenWish): Promise<InstallationToken> {
    const minted = mint(wish)
    kept.delete(key)
    kept.set(key, minted)
    const [oldest] = kept.keys()
    if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest)
    minted.catch(() => {
      if (kept.get(key) === minted) kept.delete(key)
    })
    return minted
  }

  return {
    async get(wish, { signal, fresh = false }) {
      const key = keyOf(wish)
      const before = kept.get(key)
      const found = fresh ? undefined : await before?.catch(() => undefined)
      if (found !== undefined && isGood(found)) return found
      const now = kept.get(key)
      // Somebody else has asked anew while this one waited.
      const pending = now !== undefined && now !== before ? now : keep(key, wish)
      const token = await pending
      signal.throwIfAborted()
      return token
    },
  }
}

function isGood({ expiresAt, mintedAt }: InstallationToken): boolean {
  // Its age is measured, too: GitHub's time of day need not be ours.
  return Date.now() < Date.parse(expiresAt) - earlierMs && performance.now() < mintedAt + longestMs
}

function keyOf({ installationId, permissions, repositories }: TokenWish): string {
  const sorted = Object.entries(permissions).toSorted(([a], [b]) => a.localeCompare(b))
  return JSON.stringify([installationId, sorted, repositories?.toSorted() ?? null])
}

/** @throws AUTH_001 when no App is configured. */
export function notConfigured(): CodedError {
  return new CodedError('AUTH_001', 'No GitHub App is configured', {
    suggestedAction: 'Set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY or GITHUB_APP_PRIVATE_KEY_FILE',
  })
}
