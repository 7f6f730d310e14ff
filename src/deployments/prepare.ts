import { randomUUID } from 'node:crypto'
import type { Environment } from '../platform/config/index.ts'
import { CodedError } from '../platform/errors.ts'
import type { Secrets } from '../platform/secrets.ts'
import { toCodedError } from './cloudflare-errors.ts'
import type { GitHubSource } from './github/store.ts'
import { previewHostnames } from './hostnames/index.ts'
import {
  bindingName,
  checkBindings,
  compatibility,
  invalid,
  maxScripts,
  modulesOf,
  type Plan,
  type PlanConfig,
  planDigest,
  scriptName,
} from './plan.ts'
import type { PrepareConfig } from './schema.ts'
import type { Target } from './target.ts'

const planLifeMs = 3_600_000
const lookMs = 8000

/** What a plan will do, as told before anything is done. */
export interface PlanPreview {
  changes: { kind: string; name: string; action: 'create' | 'replace' | 'rename' | 'delete' | 'keep' }[]
  reversible: { value: boolean; reasons: string[] }
}

/** @throws REQ_002 for parts that contradict each other or that this version can't deploy. */
export function buildPlan(
  input: {
    environment: Environment
    config: PrepareConfig
    github?: GitHubSource | undefined
    createdBy: string
  },
  secrets: Secrets,
): Plan {
  const { environment, config, createdBy } = input
  refuseUnsupported(config)
  checkBindings(config)
  const modules = modulesOf(config)
  const planConfig: PlanConfig = {
    script: scriptName(config.appName, environment),
    durableObjects: config.durableObjects,
    environmentVars: config.environmentVars,
    healthCheck: config.healthCheck,
    migrations: config.migrations,
    compatibility,
    ...(config.hostnames.length === 0 ? {} : { hostnames: config.hostnames }),
    ...(input.github === undefined ? {} : { github: input.github }),
  }
  const id = randomUUID()
  const sealed: Record<string, string> = {}
  const secretFingerprints: Record<string, string> = {}
  for (const [name, text] of Object.entries(config.secrets)) {
    sealed[name] = secrets.seal(text, `plan:${id}:${name}`)
    secretFingerprints[name] = secrets.fingerprint(text)
  }
  const app = config.appName
  const digest = planDigest({ environment, app, config: planConfig, modules, secretFingerprints })
  const createdAt = new Date()
  const expiresAt = new Date(createdAt.getTime() + planLifeMs)
  return {
    id,
    app,
    environment,
    digest,
    config: planConfig,
    modules,
    secrets: sealed,
    createdBy,
    createdAt,
    expiresAt,
  }
}

/** Parts of the contract whose cloud side is not built yet are refused, not silently left out. */
function refuseUnsupported(config: PrepareConfig): void {
  const problems: [unknown, string, string][] = [
    [
      config.containerImage,
      'containerImage',
      'container images cannot be deployed yet; give script or modules',
    ],
  ]
  const fields = problems
    .filter(([value]) => value !== undefined)
    .map(([, field, problem]) => ({ path: `config.${field}`, problem }))
  if (fields.length > 0) throw invalid(fields, 422)
}

/**
 * Looks at the cloud: is it reachable, is there room, which classes are there.
 * @throws STATE_003 (424), STATE_004 (402), REQ_002 with `details.checks`.
 */
export async function preview(plan: Plan, target: Target): Promise<PlanPreview> {
  const signal = AbortSignal.timeout(lookMs)
  const seen = await look(target, signal)
  const { script } = plan.config
  const exists = seen.scripts.some((each) => each.id === script)
  if (!exists && seen.scripts.length >= maxScripts) {
    throw new CodedError(
      'STATE_004',
      `The account has ${seen.scripts.length} Workers, the limit is ${maxScripts}`,
      {
        details: { checks: { resources: 'pass', quotas: 'fail', dependencies: 'pass' } },
      },
    )
  }
  const present = seen.namespaces.filter((each) => each.script === script).map((each) => each.class)
  checkClasses(plan, present)
  const { hostnames = [] } = plan.config
  const at = { zones: target.zones, signal }
  const names = await asked(signal, () => previewHostnames(at, { hostnames, script }))
  return {
    changes: [...changesOf(plan, { exists, present }), ...names],
    reversible: reversibleOf(plan, { exists, present }),
  }
}

async function look(target: Target, signal: AbortSignal) {
  return asked(signal, async () => {
    const [scripts, namespaces] = await Promise.all([
      target.cloud.scripts(signal),
      target.cloud.namespaces(signal),
    ])
    return { scripts, namespaces }
  })
}

async function asked<T>(signal: AbortSignal, look: () => Promise<T>): Promise<T> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof CodedError) throw error
    const cause = signal.aborted
      ? new CodedError('SYS_004', 'The cloud did not answer in time')
      : toCodedError(error)
    const why = cause instanceof CodedError ? cause.message : 'unexpected answer'
    throw new CodedError('STATE_003', `The deploy target can't be used now: ${why}`, {
      details: { checks: { resources: 'pass', quotas: 'pass', dependencies: 'fail' } },
      cause: error,
    })
  }
}

/** A class that is there is kept, renamed or deleted on purpose, never by leaving it out. */
function checkClasses(plan: Plan, present: string[]): void {
  const { durableObjects, migrations } = plan.config
  const leaving = new Set([
    ...migrations.deletedClasses,
    ...migrations.renamedClasses.map((each) => each.from),
  ])
  const faults = present
    .filter((name) => !durableObjects.includes(name) && !leaving.has(name))
    .map((name) => ({
      path: 'config.durableObjects',
      problem: `the class ${name} holds data: list it here, or in migrations.deletedClasses to delete its data`,
    }))
  for (const { from, to } of migrations.renamedClasses) {
    if (!present.includes(from) && !present.includes(to)) {
      faults.push({ path: 'config.migrations.renamedClasses', problem: `there is no class ${from}` })
    }
    if (!durableObjects.includes(to)) {
      faults.push({ path: 'config.durableObjects', problem: `the renamed class ${to} is missing` })
    }
  }
  for (const name of migrations.deletedClasses) {
    if (durableObjects.includes(name)) {
      faults.push({
        path: 'config.migrations.deletedClasses',
        problem: `the class ${name} is also in durableObjects`,
      })
    }
  }
  if (faults.length > 0) throw invalid(faults)
}

interface Seen {
  exists: boolean
  present: string[]
}

function changesOf(plan: Plan, { exists, present }: Seen): PlanPreview['changes'] {
  const { script, durableObjects, environmentVars, migrations } = plan.config
  const action = exists ? ('replace' as const) : ('create' as const)
  const renamed = new Map(migrations.renamedClasses.map((each) => [each.to, each.from]))
  const classAction = (name: string) => {
    if (present.includes(name)) return 'keep' as const
    return present.includes(renamed.get(name) ?? '') ? ('rename' as const) : ('create' as const)
  }
  return [
    { kind: 'worker', name: script, action },
    ...durableObjects.map((name) => ({ kind: 'durable_object', name, action: classAction(name) })),
    ...migrations.deletedClasses
      .filter((name) => present.includes(name))
      .map((name) => ({ kind: 'durable_object', name, action: 'delete' as const })),
    ...Object.keys(environmentVars).map((name) => ({ kind: 'variable', name, action })),
    ...Object.keys(plan.secrets).map((name) => ({ kind: 'secret', name, action })),
    ...durableObjects.map((name) => ({ kind: 'binding', name: bindingName(name), action })),
  ]
}

function reversibleOf(plan: Plan, { exists, present }: Seen): PlanPreview['reversible'] {
  if (!exists) return { value: true, reasons: [] }
  const { durableObjects, migrations } = plan.config
  const reasons = [
    ...durableObjects
      .filter((name) => !present.includes(name))
      .map((name) => `creates or renames to the class ${name}`),
    ...migrations.deletedClasses
      .filter((name) => present.includes(name))
      .map((name) => `deletes the class ${name} and its data`),
  ]
  return { value: reasons.length === 0, reasons }
}
