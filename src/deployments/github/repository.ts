import { z } from 'zod'
import { unavailable } from '../../platform/errors.ts'
import { truncate } from '../../platform/postgres/storable-text.ts'
import type { GitHubRequest } from './app.ts'
import { createRepositoryCaller, type Repository } from './caller.ts'
import type { InstallationTokens } from './tokens.ts'

export type { Repository } from './caller.ts'

export interface CommitChecks {
  sha: string
  /** The latest state of each context: success, pending, failure or error. */
  contexts: { context: string; state: string }[]
}

export type RecordState = 'in_progress' | 'success' | 'failure' | 'inactive'

/** The GitHub calls for the records of deployments, made as a repository's installation with minimal permissions. */
export interface GitHubRepository {
  checks(repository: Repository, ref: string, signal: AbortSignal): Promise<CommitChecks>
  /** Finds the record with the deployment's id in its payload. */
  find(repository: Repository, record: RecordMark, signal: AbortSignal): Promise<number | undefined>
  create(repository: Repository, record: NewRecord, signal: AbortSignal): Promise<number>
  latestState(repository: Repository, id: number, signal: AbortSignal): Promise<string | undefined>
  setState(repository: Repository, status: NewState, signal: AbortSignal): Promise<void>
  setCommitStatus(repository: Repository, status: NewCommitStatus, signal: AbortSignal): Promise<void>
}

export interface RecordMark {
  deploymentId: string
  environment: string
  sha: string
}

export interface NewRecord extends RecordMark {
  description: string
  production: boolean
}

export interface NewState {
  id: number
  state: RecordState
  logUrl: string
  environmentUrl?: string | undefined
  description: string
}

export interface NewCommitStatus {
  sha: string
  context: string
  state: 'pending' | 'success' | 'failure' | 'error'
  targetUrl: string
  description: string
}

export function createGitHubRepository(options: {
  request: GitHubRequest
  asApp: GitHubRequest
  tokens: InstallationTokens
}): GitHubRepository {
  const { request } = options
  const { call, read } = createRepositoryCaller(options)

  return {
    async checks(repository, ref, signal) {
      const given = { ...repository, ref, per_page: 100 }
      const { data } = await read(repository, signal, (auth) =>
        request('GET /repos/{owner}/{repo}/commits/{ref}/status', { ...given, ...auth }),
      )
      const contexts = data.statuses.map(({ context, state }) => ({ context, state }))
      return { sha: data.sha, contexts }
    },

    async find(repository, { deploymentId, environment, sha }, signal) {
      const given = { ...repository, environment, sha, task: 'deploy', per_page: 100 }
      const { data } = await read(repository, signal, (auth) =>
        request('GET /repos/{owner}/{repo}/deployments', { ...given, ...auth }),
      )
      const found = data.find(({ payload }) => markOf(payload) === deploymentId)
      return found && Number(found.id)
    },

    async create(repository, record, signal) {
      const given = {
        ...repository,
        ref: record.sha,
        task: 'deploy',
        auto_merge: false,
        // The checks were verified when the plan was made; Capstan's own of an earlier run must not count.
        required_contexts: [],
        payload: { deploymentId: record.deploymentId },
        environment: record.environment,
        description: record.description,
        production_environment: record.production,
        transient_environment: false,
      }
      const { data } = await call(repository, signal, (auth) =>
        request('POST /repos/{owner}/{repo}/deployments', { ...given, ...auth }),
      )
      if (!('id' in data)) throw unavailable('GitHub merged the branch instead of creating a deployment')
      return Number(data.id)
    },

    async latestState(repository, id, signal) {
      const given = { ...repository, deployment_id: id, per_page: 1 }
      const { data } = await read(repository, signal, (auth) =>
        request('GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', { ...given, ...auth }),
      )
      return data[0]?.state
    },

    async setState(repository, { id, state, logUrl, environmentUrl, description }, signal) {
      const given = {
        ...repository,
        deployment_id: id,
        state,
        log_url: logUrl,
        description: truncate(description, 140),
        // GitHub's environments are not per app, so replaced deployments are marked as inactive one by one.
        auto_inactive: false,
        ...(environmentUrl === undefined ? {} : { environment_url: environmentUrl }),
      }
      await call(repository, signal, (auth) =>
        request('POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', { ...given, ...auth }),
      )
    },

    async setCommitStatus(repository, { sha, context, state, targetUrl, description }, signal) {
      const given = { ...repository, sha, context, state, target_url: targetUrl }
      await call(repository, signal, (auth) =>
        request('POST /repos/{owner}/{repo}/statuses/{sha}', {
          ...given,
          description: truncate(description, 140),
          ...auth,
        }),
      )
    },
  }
}

/** The deployment id of a payload, which GitHub returns as an object or as a JSON string. */
function markOf(payload: unknown): string | undefined {
  const marked = z.object({ deploymentId: z.string() })
  try {
    return marked.safeParse(typeof payload === 'string' ? JSON.parse(payload) : payload).data?.deploymentId
  } catch {
    return undefined
  }
}
