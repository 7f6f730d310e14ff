import type { Knex } from 'knex'
import type { Secrets } from '../../platform/secrets.ts'
import { allTo } from '../cloudflare/workers-api.ts'
import type { BindingReturn, TrafficShare } from '../model/app-state.ts'
import { scriptName } from '../model/plan.ts'
import { bindingReturn, readVersions } from '../plans/current-state/index.ts'
import { findPlan, type TargetRow } from '../store/index.ts'
import type { Targets } from '../targets/targets.ts'
import type { Serving } from './serving.ts'

export interface OutlookOptions {
  db: Knex
  targets: Targets
  secrets: Secrets
}

/**
 * Reads the effect of a rollback on secrets and variables.
 * @param input.goal the version, or the traffic shares of several versions
 * @returns undefined if the cloud cannot be read; that must not prevent the rollback
 */
export async function readBindingReturn(
  options: OutlookOptions,
  input: {
    history: TargetRow[]
    goal: { version: string | null; traffic: TrafficShare[] }
    serving: Serving
    signal: AbortSignal
  },
): Promise<BindingReturn | undefined> {
  const { history, goal, serving, signal } = input
  const { version } = goal
  const [newest] = history
  const traffic = version === null ? goal.traffic : allTo(version)
  if (newest === undefined || traffic.length === 0) return undefined
  try {
    const target = await options.targets.of(newest.environment)
    const config = { script: scriptName(newest.app, newest.environment) }
    const query = { target, config, signal }
    const now = await readVersions(query, serving.traffic)
    const then = await readVersions(query, traffic)
    const same =
      version === null
        ? []
        : await sameSecrets(options, { history, version, tags: tagsSince(serving.offered, version) })
    return bindingReturn(now.bindings, then.bindings, same)
  } catch {
    return undefined
  }
}

/** The deployment ids that the later versions are tagged with; undefined for a version of another tool. */
function tagsSince(versions: { id: string; number: number; tag: string | undefined }[], version: string) {
  const from = versions.find(({ id }) => id === version)?.number
  return from === undefined
    ? [undefined]
    : versions.filter(({ number }) => number > from).map(({ tag }) => tag)
}

/**
 * Names of the secrets whose value is known to be unchanged since a version. The cloud shows no values; the value is
 * known if Capstan made all later versions, and each of their plans set the secret to that value or did not set it.
 */
async function sameSecrets(
  { db, secrets }: OutlookOptions,
  input: { history: TargetRow[]; version: string; tags: (string | undefined)[] },
): Promise<string[]> {
  const { history, version, tags } = input
  const at = history.findIndex(({ versionId }) => versionId === version)
  const since = history.slice(0, Math.max(at, 0)).filter(({ versionId }) => versionId !== null)
  if (at < 0 || !tags.every((tag) => since.some(({ id }) => id === tag))) return []
  const ids = [history[at]?.id ?? '', ...since.map(({ id }) => id)]
  const plans = (await Promise.all(ids.map((id) => findPlan(db, id)))).filter((plan) => plan !== undefined)
  const [maker, ...later] = plans
  const names = new Set([
    ...Object.keys(maker?.secrets ?? {}),
    ...(maker?.basis?.bindings ?? []).map(({ name }) => name),
  ])
  const chain = new Set([version, ...since.map(({ versionId }) => versionId)])
  /** True if the plan inherits the secret from a version of the chain, the one that served when it was made. */
  const isInherited = (plan: (typeof plans)[number], name: string) =>
    plan.basis?.bindings.some((each) => each.name === name && chain.has(each.versionId)) ?? false
  const fingerprintIn = (plan: (typeof plans)[number] | undefined, name: string) => {
    const sealed = plan?.secrets[name]
    return sealed === undefined
      ? undefined
      : secrets.fingerprint(secrets.open(sealed, `plan:${plan?.id}:${name}`))
  }
  return [...names].filter((name) => {
    const value = fingerprintIn(maker, name)
    return later.every((plan) => {
      const next = fingerprintIn(plan, name)
      const deleted = plan.config.deleteSecrets?.includes(name) ?? false
      return !deleted && (next === undefined ? isInherited(plan, name) : next === value)
    })
  })
}
