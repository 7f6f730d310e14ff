import { unhealthy } from '../../model/errors.ts'
import { addressOf } from '../../targets/public-address.ts'
import type { Address } from '../../targets/targets.ts'
import { answersRequests } from '../health/answers-requests.ts'
import { awaitHealth, statusProblem } from '../health/await-health.ts'
import { noEngineAnswer } from '../health/probe.ts'
import { showWorkerLog } from '../health/worker-log.ts'
import { restoreOwnVersion } from '../worker-version/restore-own-version.ts'
import type { StepContext, StepResult } from './context.ts'

/**
 * Step 8: requests the app at a published address until it answers as expected twice in a row. It retries within the
 * step, since a first start may take long; if the app is not healthy at the time limit, the version has failed.
 */
export async function healthCheck(context: StepContext): Promise<StepResult> {
  const { plan, target, signal, log } = context
  const { healthCheck: check } = plan.config
  const address = await addressOf(target, { config: plan.config, signal })
  const reason = await reasonToSkip(context, address)
  if (address === undefined || reason !== undefined) {
    log.warn(`Skipped the health check: ${reason ?? 'there is no address'}`)
    await restoreOwnVersion(context)
    return { skipped: true, change: { address: address?.base ?? '' } }
  }
  const startedAt = Date.now()
  const isLocal = target.kind === 'local'
  const result = await awaitHealth(context, {
    address,
    timeoutMs: check.timeoutSeconds * 1000,
    judge: async (answer) => ({
      problem: statusProblem(answer, { expectStatus: check.expectStatus, isLocal }),
      proven: true,
    }),
    confirm: async () => !(await restoreOwnVersion(context)),
  })
  const url = `${address.base}${check.path}`
  if (result.healthy) {
    if (result.answer === noEngineAnswer)
      log.warn(`${url}: the Worker in front of the container answered; the local cloud runs no containers`)
    else log.info(`${url} answered ${result.answer}`)
    return { change: { address: address.base } }
  }
  await showWorkerLog(context, startedAt)
  const message = `${check.path} did not become healthy within ${check.timeoutSeconds} s: ${result.problem}`
  // The job is not retried: the step has used its whole time limit.
  throw unhealthy(message, { retryable: false })
}

/** The reason why the app is not checked; undefined if it is. */
async function reasonToSkip(context: StepContext, address: Address | undefined): Promise<string | undefined> {
  const { deployment, plan } = context
  const { healthCheck: check, script } = plan.config
  if (address === undefined) return `${script} has no public address for ${check.path}`
  if (check.enabled === false) return 'it is turned off'
  const { versionId } = deployment
  if (versionId === null || (await answersRequests(context, versionId))) return undefined
  return `${script} has no handler for requests (fetch)`
}
