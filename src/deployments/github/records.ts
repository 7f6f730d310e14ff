import type { Knex } from 'knex'
import { CodedError, dependencyFailed } from '../../platform/errors.ts'
import { truncate } from '../../platform/postgres/storable-text.ts'
import type { Addresses } from '../targets/addresses.ts'
import type { GitHub } from './index.ts'
import { commitContext, isOurs, reportOf } from './report.ts'
import type { Repository } from './repository.ts'
import { findReportable, type GitHubSource, type Reportable, saveRecord } from './store.ts'

/** Deployments as GitHub shows them. */
export interface GitHubRecords {
  /**
   * The commit that a plan is for. @throws STATE_003 (424) when it can't be found, or its checks are not green.
   */
  resolve(source: Repository & { ref: string }, signal: AbortSignal): Promise<GitHubSource>
  /** Makes GitHub say what is true of a deployment now, and of those that it replaced. May be run again. */
  report(deploymentId: string, signal: AbortSignal): Promise<void>
}

export interface RecordOptions {
  db: Knex
  github: GitHub
  /** Source of the links to our logs. */
  publicUrl: string
  addresses: Addresses
}

export function createGitHubRecords(options: RecordOptions): GitHubRecords {
  return {
    resolve: (source, signal) => resolve(options.github, source, signal),
    async report(deploymentId, signal) {
      // What was true when it was read may not be any more when it is told: then it is told again.
      for (let rounds = 0; rounds < maxRounds; rounds++) {
        const untold = (await findReportable(options.db, deploymentId)).filter(isUntold)
        if (untold.length === 0) return
        for (const each of untold) await tell(options, each, signal)
      }
    },
  }
}

const maxRounds = 5
const isUntold = (about: Reportable) =>
  about.githubId === undefined || about.reported !== reportOf(about).state

async function resolve(github: GitHub, source: Repository & { ref: string }, signal: AbortSignal) {
  const { owner, repo, ref } = source
  const failed = (problem: string, cause?: CodedError) =>
    dependencyFailed(problem, {
      details: {
        checks: { resources: 'pass', quotas: 'pass', dependencies: 'fail' },
        github: { owner, repo },
      },
      ...(cause === undefined
        ? {}
        : {
            cause,
            retryable: cause.retryable,
            ...actionOf(cause),
            details: detailsOf(cause, { owner, repo }),
          }),
    })
  try {
    const { sha, contexts } = await github.repository.checks({ owner, repo }, ref, signal)
    const waiting = contexts.filter(({ context, state }) => !isOurs(context) && state !== 'success')
    if (waiting.length > 0) {
      const named = waiting.map(({ context, state }) => `${context} (${state})`).slice(0, 10)
      throw failed(`The checks of ${owner}/${repo} are not green: ${named.join(', ')}`)
    }
    return { owner, repo, ref, sha }
  } catch (error) {
    if (!(error instanceof CodedError) || error.code === 'STATE_003') throw error
    throw failed(`The repository ${owner}/${repo} is not usable: ${error.message} [${error.code}]`, error)
  }
}

const detailsOf = (cause: CodedError, github: Repository) => ({
  checks: { resources: 'pass', quotas: 'pass', dependencies: 'fail' },
  github,
  cause: cause.code,
})
const actionOf = ({ options }: CodedError) =>
  options.suggestedAction === undefined ? {} : { suggestedAction: options.suggestedAction }

/** Read, compare, act: what GitHub says already is not said again. */
async function tell(options: RecordOptions, about: Reportable, signal: AbortSignal): Promise<void> {
  const { db, github, publicUrl } = options
  const { owner, repo, sha } = about.source
  const wanted = reportOf(about)
  const repository = { owner, repo }
  const { deploymentId, app, environment } = about
  const id = about.githubId ?? (await recordOf(options, about, signal))
  const logUrl = `${publicUrl}/deploy/${deploymentId}/logs`
  if ((await github.repository.latestState(repository, id, signal)) !== wanted.state) {
    const environmentUrl =
      wanted.state === 'success' ? ((await options.addresses(app, environment)) ?? undefined) : undefined
    const { state, description } = wanted
    await github.repository.setState(repository, { id, state, logUrl, environmentUrl, description }, signal)
  }
  if (wanted.commit !== undefined) {
    const { commit: state, description } = wanted
    const status = { sha, context: commitContext(about), state, targetUrl: logUrl, description }
    await github.repository.setCommitStatus(repository, status, signal)
  }
  await saveRecord(db, deploymentId, { reported: wanted.state })
}

/** Its record: found by our id when an earlier run made it and died before it could say so. */
async function recordOf(options: RecordOptions, about: Reportable, signal: AbortSignal): Promise<number> {
  const { db, github } = options
  const { owner, repo, sha, ref } = about.source
  const { deploymentId, app, environment } = about
  const mark = { deploymentId, environment, sha }
  const repository = { owner, repo }
  const description = truncate(`${app} from ${ref}`, 140)
  const record = { ...mark, description, production: environment === 'production' }
  const id =
    (await github.repository.find(repository, mark, signal)) ??
    (await github.repository.create(repository, record, signal))
  await saveRecord(db, deploymentId, { githubId: id })
  return id
}
