import { withTraffic } from '../cloudflare/workers-api.ts'
import type { AppState } from '../model/app-state.ts'
import type { PlanConfig, PlanPreview } from '../model/plan.ts'
import { addressOf } from '../targets/public-address.ts'
import type { Target } from '../targets/targets.ts'

type Check = NonNullable<PlanPreview['checkBeforeTraffic']>

interface CheckQuery {
  config: PlanConfig
  state: AppState
  changes: PlanPreview['changes']
  signal: AbortSignal
}

/** Whether the new version can be checked at 0 % of the traffic, before it answers users. */
export async function checkBeforeTraffic(target: Target, query: CheckQuery): Promise<Check> {
  const reason = obstacleOf(query) ?? (await addressObstacle(target, query))
  if (reason !== undefined) return { possible: false, reason, proof: null }
  return { possible: true, reason: null, proof: target.kind === 'local' ? 'response_header' : 'live_log' }
}

function obstacleOf({ config, state, changes }: CheckQuery): string | undefined {
  if (!state.exists) return 'this is the first deployment'
  // These uploads replace the whole script, which serves at once.
  if (config.container !== undefined) return 'an app with a container is uploaded as a whole'
  if (config.exports !== undefined) return 'an app that declares its classes (exports) is uploaded as a whole'
  if (changes.some(({ kind, action }) => kind === 'durable_object' && action !== 'keep')) {
    return 'the Durable Object classes change, which takes effect with the upload'
  }
  const serving = withTraffic(state.traffic)
  if (serving.length === 0) return 'no version serves'
  if (serving.length > 1) return 'several versions share the traffic'
  if (config.healthCheck.enabled === false) return 'the health check is turned off'
  return config.healthCheck.beforeTraffic === false ? 'the check before traffic is turned off' : undefined
}

async function addressObstacle(
  target: Target,
  { config, state, signal }: CheckQuery,
): Promise<string | undefined> {
  const own = Object.entries(state.hostnames).filter(([, script]) => script === config.script)
  const present = { ...config, hostnames: own.map(([name]) => name) }
  if ((await addressOf(target, { config: present, signal })) !== undefined) return undefined
  return `the app has no public address for ${config.healthCheck.path} yet`
}
