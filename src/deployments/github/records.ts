import type { Knex } from 'knex'
import { CodedError, dependencyFailed } from '../../platform/errors.ts'
import { truncate } from '../../platform/postgres/storable-text.ts'
import type { GitHubSource } from '../model/request/github-source.ts'
import type { Addresses } from '../targets/addresses.ts'
import type { GitHub } from './index.ts'
import { commitContext, isCapstanContext, reportOf } from './report.ts'
import type { Repository } from './repository.ts'
import { findReportable, type Reportable, saveRecord } from './store.ts'

/** The records of deployments at GitHub. */
export interface GitHubRecords {
  /**
   * Resolves the commit of a plan. @throws STATE_003 (424) if it does not exist, or its checks are not green
   */
  resolve(source: Repository & { ref: string }, signal: AbortSignal): Promise<GitHubSource>
  /** Reports the present status of a deployment, and of those that it replaced. Repeatable. */
  report(deploymentId: string, signal: AbortSignal): Promise<void>
}

export interface RecordOptions {
  db: Knex
  github: GitHub
  /** The base URL of the links to deployment logs. */
  publicUrl: string
  addresses: Addresses
}

export function createGitHubRecords(options: RecordOptions): GitHubRecords {
  return {
    resolve: (source, signal) => resolve(options.github, source, signal),
    async report(deploymentId, signal) {
      // The status may change while it is reported. In that case another round reports the new one.
      for (let rounds = 0; rounds < maxRounds; rounds++) {
        const outdated = (await findReportable(options.db, deploymentId)).filter(isOutdated)
        if (outdated.length === 0) return
        for (const each of outdated) await updateRecord(options, each, signal)
      }
    },
  }
}

const maxRounds = 5
const isOutdated = (deployment: Reportable) =>
  deployment.githubId === undefined || deployment.reported !== reportOf(deployment).state

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
    const waiting = contexts.filter(({ context, state }) => !isCapstanContext(context) && state !== 'success')
    if (waiting.length > 0) {
      const names = waiting.map(({ context, state }) => `${context} (${state})`).slice(0, 10)
      throw failed(`The checks of ${owner}/${repo} are not green: ${names.join(', ')}`)
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

/** Updates the record of a deployment, unless GitHub already shows the present status. */
async function updateRecord(
  options: RecordOptions,
  deployment: Reportable,
  signal: AbortSignal,
): Promise<void> {
  const { db, github, publicUrl } = options
  const { owner, repo, sha } = deployment.source
  const wanted = reportOf(deployment)
  const repository = { owner, repo }
  const { deploymentId, app, environment } = deployment
  const id = deployment.githubId ?? (await findOrCreateRecord(options, deployment, signal))
  const logUrl = `${publicUrl}/deploy/${deploymentId}/logs`
  if ((await github.repository.latestState(repository, id, signal)) !== wanted.state) {
    const environmentUrl =
      wanted.state === 'success' ? ((await options.addresses(app, environment)) ?? undefined) : undefined
    const { state, description } = wanted
    await github.repository.setState(repository, { id, state, logUrl, environmentUrl, description }, signal)
  }
  if (wanted.commit !== undefined) {
    const { commit: state, description } = wanted
    const status = { sha, context: commitContext(deployment), state, targetUrl: logUrl, description }
    await github.repository.setCommitStatus(repository, status, signal)
  }
  await saveRecord(db, deploymentId, { reported: wanted.state })
}

/** Finds the record by the deployment's id, because an earlier run may have created it before a crash. */
async function findOrCreateRecord(
  options: RecordOptions,
  deployment: Reportable,
  signal: AbortSignal,
): Promise<number> {
  const { db, github } = options
  const { owner, repo, sha, ref } = deployment.source
  const { deploymentId, app, environment } = deployment
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
