import { CodedError } from '../../../platform/errors.ts'
import { withTraffic } from '../../cloudflare/workers-api.ts'
import { ownHostnames } from '../../hostnames/index.ts'
import { checkContainer } from '../../images/preflight.ts'
import type { ContainerSpec } from '../../model/app-state.ts'
import { limitExceeded } from '../../model/errors.ts'
import { maxScripts } from '../../model/plan.ts'
import { readScript } from '../../plans/current-state/index.ts'
import { readTriggers } from '../../plans/triggers/state.ts'
import type { Snapshot } from '../../store/index.ts'
import { refuseChanged } from '../worker-version/unchanged.ts'
import type { StepContext, StepResult } from './context.ts'

/** Step 3: checks the quotas and that the app has not changed since the plan; stores the snapshot for a rollback. */
export async function checkQuotas(context: StepContext): Promise<StepResult> {
  const { deployment, plan, target, signal, log } = context
  const { script, hostnames = [] } = plan.config
  const { state, scripts } = await readScript({ target, config: plan.config, signal, versions: false })
  if (!state.exists && scripts >= maxScripts) {
    throw limitExceeded(`The account has ${scripts} Workers, the limit is ${maxScripts}`)
  }
  const container = await inspectContainer(context)
  const own = await ownHostnames({ zones: target.zones, signal, hostnames, script })
  const leads = hostnames.map((name) => [name, own.includes(name) ? script : null] as const)
  const triggers = await readTriggers(target, plan.config, signal)
  const behind = {
    ...(container === undefined ? {} : { container }),
    ...(triggers === undefined ? {} : { triggers }),
  }
  await refuseChanged(context, { ...state, hostnames: Object.fromEntries(leads), ...behind })
  if (deployment.snapshot !== null) return {}
  const traffic = withTraffic(state.traffic)
  const snapshot: Snapshot = {
    scriptExists: state.exists,
    servingVersion: traffic.length === 1 ? traffic[0]?.versionId : undefined,
    ...(traffic.length > 1 ? { traffic } : {}),
    migrationTag: state.migrationTag ?? undefined,
    subdomainEnabled: state.workersDev,
    previewsEnabled: state.previewUrls,
    ...behind,
    hostnames: own,
    settings: state.settings,
  }
  log.info(state.exists ? `Serving now: ${servingNow(snapshot)}` : `First deployment of ${script}`)
  return { change: { snapshot } }
}

function servingNow({ servingVersion, traffic = [] }: Snapshot): string {
  if (servingVersion !== undefined) return `version ${servingVersion}`
  return (
    traffic.map(({ versionId, percentage }) => `version ${versionId} (${percentage} %)`).join(', ') ||
    'no version'
  )
}

/**
 * The application of the container's class before the deployment: null if it has none, undefined for a plan without a
 * container. Checks the quota again, which may have been used up since the plan was made.
 */
async function inspectContainer({
  plan,
  target,
  signal,
}: StepContext): Promise<ContainerSpec | null | undefined> {
  const { script, container } = plan.config
  if (container === undefined) return undefined
  const namespaces = await target.cloud.namespaces(signal)
  const own = namespaces.find((each) => each.script === script && each.class === container.className)
  try {
    const query = { script, container, namespaceId: own?.id }
    const present = await checkContainer(target.containers, query, signal)
    if (present === undefined) return null
    const { image, instanceType, maxInstances } = present
    return { image, instanceType, maxInstances }
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'STATE_004') throw error
    throw limitExceeded(error.message, { cause: error })
  }
}
