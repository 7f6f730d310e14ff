import { CodedError } from '../../platform/errors.ts'
import type { StepContext } from './steps/context.ts'

const budgetMs = 15_000
/** Errors that only a person can fix. The step fails, because nothing has been changed yet. */
const fatalCodes = new Set(['AUTH_001', 'AUTH_002'])

/** Reports the deployment to GitHub. If GitHub is unreachable, a separate job reports it later. */
export async function reportToGitHub(context: StepContext): Promise<void> {
  const { deployment, plan, records, signal, log } = context
  const { github } = plan.config
  if (github === undefined || deployment.dryRun) return
  const { owner, repo, sha } = github
  try {
    await records.report(deployment.id, AbortSignal.any([signal, AbortSignal.timeout(budgetMs)]))
    log.info(`GitHub shows this deployment at ${owner}/${repo}, commit ${sha.slice(0, 12)}`)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof CodedError && fatalCodes.has(error.code)) throw error
    const why = error instanceof CodedError ? `${error.message} [${error.code}]` : 'no answer in time'
    log.warn(`Could not report to ${owner}/${repo}: ${why}; retrying in the background`)
    await context.reportToGitHubLater()
  }
}
