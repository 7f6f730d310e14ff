import { CodedError } from '../../../platform/errors.ts'
import type { ContainerSpec } from '../../cloudflare/containers-api.ts'
import { ownHostnames } from '../../hostnames/index.ts'
import { checkContainer } from '../../images/preflight.ts'
import { maxScripts, planDigest, pullSecretContext, pullSecretName } from '../../model/plan.ts'
import { readScript } from '../../plans/current-state/index.ts'
import type { Snapshot } from '../../store/index.ts'
import type { StepContext, StepResult } from './context.ts'
import { tellGitHub } from './report-to-github.ts'
import { refuseChanged } from './unchanged.ts'

// Paid accounts may hold 500 Workers; the largest script is a setting of Cloudflare's that has changed before.
const maxScriptBytes = 64 * 1024 * 1024

/** Step 1: the frozen plan is whole, and is still the one that was shown. */
export async function validateConfig(context: StepContext): Promise<StepResult> {
  const { plan, secrets, log } = context
  const modules = await context.modules()
  const fingerprints: Record<string, string> = {}
  for (const [name, sealed] of Object.entries(plan.secrets)) {
    fingerprints[name] = secrets.fingerprint(secrets.open(sealed, `plan:${plan.id}:${name}`))
  }
  if (plan.pullSecret !== null) {
    const opened = secrets.open(plan.pullSecret, pullSecretContext(plan.id))
    fingerprints[pullSecretName] = secrets.fingerprint(opened)
  }
  const { environment, app, config } = plan
  const digest = planDigest({ environment, app, config, modules, secretFingerprints: fingerprints })
  if (digest !== plan.digest) throw new CodedError('DEPLOY_001', 'The plan does not match its digest')
  const bytes = modules.reduce((sum, module) => sum + Buffer.byteLength(module.content, 'base64'), 0)
  if (bytes > maxScriptBytes) throw new CodedError('DEPLOY_002', 'The script is larger than 64 MiB')
  log.info(`${app} for ${environment}: ${modules.length} module(s), ${bytes} bytes, ${plan.digest}`)
  return {}
}

/** Step 2: the token works, and for this account. */
export async function cloudflareAuth(context: StepContext): Promise<StepResult> {
  const { target, signal, log } = context
  const token = await target.cloud.verifyToken(signal)
  if (token.status !== 'active')
    throw new CodedError('AUTH_003', `The Cloudflare API token is ${token.status}`)
  const account = await target.cloud.account(signal)
  log.info(
    `The token is active for the account ${account.name}${target.kind === 'local' ? ' (local cloud)' : ''}`,
  )
  await tellGitHub(context)
  return {}
}

/** Step 3: there is room, the plan still holds, and the state before the first change is kept for the rollback. */
export async function checkQuotas(context: StepContext): Promise<StepResult> {
  const { deployment, plan, target, signal, log } = context
  const { script, hostnames = [] } = plan.config
  const { state, scripts } = await readScript({ target, config: plan.config, signal, versions: false })
  if (!state.exists && scripts >= maxScripts) {
    throw new CodedError('DEPLOY_002', `The account has ${scripts} Workers, the limit is ${maxScripts}`)
  }
  const container = await containerBefore(context)
  const own = await ownHostnames({ zones: target.zones, signal, hostnames, script })
  const leads = hostnames.map((name) => [name, own.includes(name) ? script : null] as const)
  const behind = container === undefined ? {} : { container }
  await refuseChanged(context, { ...state, hostnames: Object.fromEntries(leads), ...behind })
  if (deployment.snapshot !== null) return {}
  const { traffic } = state
  const snapshot: Snapshot = {
    scriptExists: state.exists,
    servingVersion: traffic.length === 1 ? traffic[0]?.versionId : undefined,
    ...(traffic.length > 1 ? { traffic } : {}),
    migrationTag: state.migrationTag ?? undefined,
    subdomainEnabled: state.workersDev,
    previewsEnabled: state.previewUrls,
    ...behind,
    hostnames: own,
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
 * What the container's class runs now; undefined for a plan without one. There was room when the plan was made; it is
 * looked at again, since others may have taken it meanwhile.
 */
async function containerBefore({
  plan,
  target,
  signal,
}: StepContext): Promise<ContainerSpec | null | undefined> {
  const { script, container } = plan.config
  if (container === undefined) return undefined
  const namespaces = await target.cloud.namespaces(signal)
  const own = namespaces.find((each) => each.script === script && each.class === container.className)
  try {
    const about = { script, container, namespaceId: own?.id }
    const present = await checkContainer(target.containers, about, signal)
    if (present === undefined) return null
    const { image, instanceType, maxInstances } = present
    return { image, instanceType, maxInstances }
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'STATE_004') throw error
    throw new CodedError('DEPLOY_002', error.message, { cause: error })
  }
}
