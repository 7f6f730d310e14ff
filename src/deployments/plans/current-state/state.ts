import { withTraffic } from '../../cloudflare/workers-api.ts'
import { inspectHostname } from '../../hostnames/index.ts'
import { applicationOf } from '../../images/preflight.ts'
import type { AppState, ContainerSpec, PresentBinding, TrafficShare } from '../../model/app-state.ts'
import type { PlanConfig } from '../../model/plan.ts'
import type { Target } from '../../targets/targets.ts'
import { readTriggers } from '../triggers/state.ts'

/** The state of the script itself, without its host names and its container. */
type ScriptState = Omit<AppState, 'hostnames' | 'container'>

interface StateQuery {
  target: Pick<Target, 'cloud' | 'containers' | 'zones' | 'triggers'>
  config: Pick<PlanConfig, 'script' | 'hostnames' | 'container'>
  /** Whether to read the content of the serving versions; for comparisons their ids are enough. */
  versions: boolean
  signal: AbortSignal
}

/** Reads the present state of a plan's app. */
export async function readState(query: StateQuery): Promise<AppState> {
  const { container } = query.config
  const script = await readScript(query)
  const triggers = await readTriggers(query.target, query.config, query.signal)
  return {
    ...script.state,
    hostnames: await readHostnames(query),
    ...(container === undefined ? {} : { container: await readContainer(query, container) }),
    ...(triggers === undefined ? {} : { triggers }),
  }
}

/**
 * Reads the state of the script. The calls are sequential, because crash tests enumerate them in their order.
 * @returns the state, and the number of scripts in the account
 */
export async function readScript(query: StateQuery): Promise<{ state: ScriptState; scripts: number }> {
  const { target, config, signal } = query
  const { cloud } = target
  const { script } = config
  const all = await cloud.scripts(signal)
  const listed = all.find((each) => each.id === script)
  if (listed === undefined) return { state: missingScript, scripts: all.length }
  const [serving] = await cloud.deployments(script, signal)
  const traffic = serving?.versions ?? []
  const { enabled, previewsEnabled } = await cloud.scriptSubdomain(script, signal)
  const state: ScriptState = {
    exists: true,
    traffic,
    ...(serving?.message === undefined ? {} : { trafficMessage: serving.message }),
    migrationTag: listed.migrationTag ?? null,
    hasAssets: listed.hasAssets,
    ...(await readVersions(query, query.versions ? withTraffic(traffic) : [])),
    ...(query.versions ? { versionSettings: await readVersionSettings(query, traffic) } : {}),
    workersDev: enabled,
    previewUrls: previewsEnabled,
    settings: await settingsOf(query),
  }
  return { state, scripts: all.length }
}

const missingScript: ScriptState = {
  exists: false,
  traffic: [],
  migrationTag: null,
  hasAssets: false,
  bindings: [],
  compatibility: { date: null, flags: [] },
  workersDev: false,
  previewUrls: false,
  settings: {},
}

/** The content of the serving versions; if several have the same name, the version with the larger share wins. */
export async function readVersions(
  { target, config, signal }: Omit<StateQuery, 'versions'>,
  traffic: TrafficShare[],
): Promise<Pick<AppState, 'bindings' | 'compatibility'>> {
  const bindings: PresentBinding[] = []
  let compatibility: AppState['compatibility'] = { date: null, flags: [] }
  for (const { versionId } of traffic.toSorted((a, b) => b.percentage - a.percentage)) {
    const version = await target.cloud.version(config.script, versionId, signal)
    if (bindings.length === 0 && compatibility.date === null) {
      compatibility = { date: version.compatibility.date ?? null, flags: version.compatibility.flags }
    }
    for (const { type, name, className, scriptName, fingerprint } of version.bindings) {
      if (bindings.some((each) => each.name === name)) continue
      bindings.push({
        type,
        name,
        versionId,
        fingerprint,
        ...(className === undefined ? {} : { className }),
        ...(scriptName === undefined ? {} : { scriptName }),
      })
    }
  }
  return { bindings, compatibility }
}

/** The settings of the version with the largest share that an upload has to repeat, with Cloudflare's names. */
async function readVersionSettings(
  { target, config, signal }: StateQuery,
  traffic: TrafficShare[],
): Promise<Record<string, unknown>> {
  const [serving] = withTraffic(traffic).toSorted((a, b) => b.percentage - a.percentage)
  if (serving === undefined) return {}
  const { limits } = await target.cloud.version(config.script, serving.versionId, signal)
  const placement = await target.cloud.placement(config.script, signal)
  return { ...(limits === undefined ? {} : { limits }), ...(placement === undefined ? {} : { placement }) }
}

/** The settings of the script, with the cloud's defaults for unset ones. */
async function settingsOf({ target, config, signal }: StateQuery): Promise<Record<string, unknown>> {
  const found = await target.cloud.scriptSettings(config.script, signal)
  return {
    logpush: found.logpush ?? false,
    observability: found.observability ?? null,
    tags: found.tags ?? [],
    tail_consumers: found.tail_consumers ?? [],
  }
}

async function readHostnames({ target, config, signal }: StateQuery): Promise<Record<string, string | null>> {
  const scripts: Record<string, string | null> = {}
  for (const text of config.hostnames ?? []) {
    const { leadsTo } = await inspectHostname({ zones: target.zones, signal }, text)
    scripts[text] = leadsTo?.script ?? null
  }
  return scripts
}

async function readContainer(
  { target, config, signal }: StateQuery,
  { className }: { className: string },
): Promise<ContainerSpec | null> {
  const namespaces = await target.cloud.namespaces(signal)
  const own = namespaces.find((each) => each.script === config.script && each.class === className)
  const applications = await target.containers.applications(signal)
  const present = applicationOf(applications, { script: config.script, namespaceId: own?.id })
  if (present === undefined) return null
  const { image, instanceType, maxInstances } = present
  return { image, instanceType, maxInstances }
}
