import { CodedError } from '../../../platform/errors.ts'
import type { StepContext } from './context.ts'

const budgetMs = 15_000
/** A person has to mend these, and nothing was changed yet. */
const ours = new Set(['AUTH_001', 'AUTH_002'])

/** Makes GitHub's record of this deployment. That GitHub is away holds nothing up: a job of its own tells it later. */
export async function tellGitHub(context: StepContext): Promise<void> {
  const { deployment, plan, records, signal, log } = context
  const { github } = plan.config
  if (github === undefined || deployment.dryRun) return
  const { owner, repo, sha } = github
  try {
    await records.report(deployment.id, AbortSignal.any([signal, AbortSignal.timeout(budgetMs)]))
    log.info(`GitHub shows this deployment at ${owner}/${repo}, commit ${sha.slice(0, 12)}`)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof CodedError && ours.has(error.code)) throw error
    const why = error instanceof CodedError ? `${error.message} [${error.code}]` : 'no answer in time'
    log.warn(`${owner}/${repo} could not be told: ${why}; it is told in the background`)
    await context.tellGitHubLater()
  }
}
