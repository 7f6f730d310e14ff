import { isDeepStrictEqual } from 'node:util'
import { configureHostnames } from '../../hostnames/index.ts'
import { hostnameFault } from '../../model/errors.ts'
import { plannedPublication } from '../../plans/publication.ts'
import type { StepContext, StepResult } from './context.ts'

/** Step 7: sets the public addresses of the plan, and routes its host names to the script. */
export async function configureDns(context: StepContext): Promise<StepResult> {
  const { deployment, plan, target, signal, log } = context
  const { script, hostnames = [] } = plan.config
  await publish(context)
  await configureHostnames({
    zones: target.zones,
    signal,
    hostnames,
    script,
    deploymentId: deployment.id,
    log,
  })
  return {}
}

/** Sets the workers.dev address and the preview URLs, if the plan mentions them. */
async function publish({ deployment, plan, target, signal, log }: StepContext): Promise<void> {
  const { cloud } = target
  const { script } = plan.config
  const { workersDev, previewUrls } = plannedPublication(plan, deployment.snapshot)
  if (workersDev === undefined && previewUrls === undefined) return
  const present = await cloud.scriptSubdomain(script, signal)
  const wanted = {
    enabled: workersDev ?? present.enabled,
    previewsEnabled: previewUrls ?? present.previewsEnabled,
  }
  if (isDeepStrictEqual(present, wanted)) {
    log.info('The workers.dev address and the preview URLs already match the plan')
    return
  }
  if (wanted.enabled && (await cloud.subdomain(signal)) === undefined) {
    throw hostnameFault('The account has no workers.dev subdomain', { retryable: false })
  }
  await cloud.setScriptSubdomain(script, wanted, signal)
  const state = (enabled: boolean) => (enabled ? 'enabled' : 'disabled')
  if (wanted.enabled !== present.enabled) log.info(`The workers.dev address is ${state(wanted.enabled)}`)
  if (wanted.previewsEnabled !== present.previewsEnabled)
    log.info(`The preview URLs are ${state(wanted.previewsEnabled)}`)
}
