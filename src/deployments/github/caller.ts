import pRetry, { AbortError } from 'p-retry'
import { pause } from '../../platform/deadline.ts'
import { CodedError } from '../../platform/errors.ts'
import { toError } from '../../platform/thrown.ts'
import type { GitHubRequest } from './app.ts'
import { toGitHubFault } from './faults.ts'
import type { GitHubPermissions, InstallationTokens } from './tokens.ts'

export interface Repository {
  owner: string
  repo: string
}

/** One call; `shown` goes into its parameters. */
export type Work<T> = (shown: {
  headers: { authorization: string }
  request: { signal: AbortSignal }
}) => Promise<T>

/** Calls as the installation of a repository. */
export interface RepositoryCaller {
  /** Sent once; a token that was rejected is renewed once. */
  call<T>(repository: Repository, signal: AbortSignal, work: Work<T>): Promise<T>
  /** Repeated for a moment while GitHub is away. */
  read<T>(repository: Repository, signal: AbortSignal, work: Work<T>): Promise<T>
}

const permissions: GitHubPermissions = { deployments: 'write', statuses: 'write' }
/** GitHub's copies may not know a token yet in its first seconds. */
const lagMs = 5000

export function createRepositoryCaller(parts: {
  asApp: GitHubRequest
  tokens: InstallationTokens
}): RepositoryCaller {
  const { asApp, tokens } = parts
  const installations = new Map<string, number>()

  async function installationOf({ owner, repo }: Repository, signal: AbortSignal): Promise<number> {
    const key = `${owner}/${repo}`.toLowerCase()
    const known = installations.get(key)
    if (known !== undefined) return known
    try {
      const { data } = await asApp('GET /repos/{owner}/{repo}/installation', {
        owner,
        repo,
        request: { signal },
      })
      if (data.suspended_at) {
        throw new CodedError('AUTH_002', `The installation on ${owner}/${repo} has been suspended`, {
          suggestedAction: 'Ask the owner of the installation to lift its suspension',
        })
      }
      installations.set(key, data.id)
      return data.id
    } catch (error) {
      throw toGitHubFault(error, 'app')
    }
  }

  async function call<T>(repository: Repository, signal: AbortSignal, work: Work<T>): Promise<T> {
    const installationId = await installationOf(repository, signal)
    const wish = { installationId, permissions, repositories: [repository.repo] }
    const token = await tokens.get(wish, { signal }).catch((error: unknown) => {
      // It may have been removed and installed again, under another id.
      installations.clear()
      throw error
    })
    const send = async (authorization: string) => {
      try {
        return await work({ headers: { authorization: `token ${authorization}` }, request: { signal } })
      } catch (error) {
        signal.throwIfAborted()
        throw toGitHubFault(error, 'installation')
      }
    }
    try {
      return await send(token.token)
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'AUTH_005') throw error
      if (performance.now() - token.mintedAt < lagMs) await pause(1000, signal)
      return send((await tokens.get(wish, { signal, fresh: true })).token)
    }
  }

  const read = <T>(repository: Repository, signal: AbortSignal, work: Work<T>): Promise<T> =>
    pRetry(() => call(repository, signal, work).catch(onlyPassing), {
      retries: 2,
      minTimeout: 300,
      maxTimeout: 2000,
      randomize: true,
      signal,
    })

  return { call, read }
}

/** Repeated inside for a moment only; a limit that lasts is for the caller. */
function onlyPassing(error: unknown): never {
  if (error instanceof CodedError && error.code === 'SYS_002') throw error
  throw new AbortError(toError(error))
}
