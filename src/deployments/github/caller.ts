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

/** One call; `auth` must be part of its parameters. */
export type Work<T> = (auth: {
  headers: { authorization: string }
  request: { signal: AbortSignal }
}) => Promise<T>

/** Makes calls as the App's installation on a repository. */
export interface RepositoryCaller {
  /** Sends once; renews a rejected token once. */
  call<T>(repository: Repository, signal: AbortSignal, work: Work<T>): Promise<T>
  /** Retries twice while GitHub is unreachable. */
  read<T>(repository: Repository, signal: AbortSignal, work: Work<T>): Promise<T>
}

const permissions: GitHubPermissions = { deployments: 'write', statuses: 'write' }
/** The time until all of GitHub's replicas know a new token. */
const lagMs = 5000

export function createRepositoryCaller(options: {
  asApp: GitHubRequest
  tokens: InstallationTokens
}): RepositoryCaller {
  const { asApp, tokens } = options
  const installations = new Map<string, number>()

  async function installationOf({ owner, repo }: Repository, signal: AbortSignal): Promise<number> {
    const key = `${owner}/${repo}`.toLowerCase()
    const cached = installations.get(key)
    if (cached !== undefined) return cached
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
    const tokenRequest = { installationId, permissions, repositories: [repository.repo] }
    const token = await tokens.get(tokenRequest, { signal }).catch((error: unknown) => {
      // The App may have been reinstalled, which changes the id of the installation.
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
      return send((await tokens.get(tokenRequest, { signal, fresh: true })).token)
    }
  }

  const read = <T>(repository: Repository, signal: AbortSignal, work: Work<T>): Promise<T> =>
    pRetry(() => call(repository, signal, work).catch(abortUnlessTransient), {
      retries: 2,
      minTimeout: 300,
      maxTimeout: 2000,
      randomize: true,
      signal,
    })

  return { call, read }
}

/** Retries only server faults; rate limits are left to the caller. */
function abortUnlessTransient(error: unknown): never {
  if (error instanceof CodedError && error.code === 'SYS_002') throw error
  throw new AbortError(toError(error))
}
