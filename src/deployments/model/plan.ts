import { createHash } from 'node:crypto'
import { type FieldFault, invalidBody } from '../../platform/errors.ts'
import { canonical } from '../../platform/http/idempotency.ts'
import type { Environment } from '../config.ts'
import type { GitHubSource } from '../github/store.ts'
import type { Basis } from './app-state.ts'
import type { PlannedContainer } from './planned-container.ts'
import type { PrepareConfig } from './schema.ts'
import { bindingName, type WorkerModule } from './worker-module.ts'

/** Everything that a deployment executes, except the code, which can be large and is rarely needed. */
export interface PlanHead {
  id: string
  app: string
  environment: Environment
  digest: string
  config: PlanConfig
  /** Name -> sealed value. */
  secrets: Record<string, string>
  /** The sealed pull secret; null if the image needs none, or after it was copied. */
  pullSecret: string | null
  preview: PlanPreview
  /** The app's state when the plan was made; null for plans of older versions of Capstan. */
  basis: Basis | null
  createdBy: string
  createdAt: Date
  expiresAt: Date
}

/** The effects of a plan, shown before the deployment. */
export interface PlanPreview {
  changes: { kind: string; name: string; action: 'create' | 'replace' | 'rename' | 'delete' | 'keep' }[]
  reversible: { value: boolean; reasons: string[] }
  /** The public addresses that the plan sets; omitted ones do not change. */
  publication?: Publication
  /** The URL of the health check; null if the app will have no public address. */
  healthCheck?: string | null
}

/** The addresses under the account's workers.dev subdomain. */
export interface Publication {
  workersDev?: boolean
  previewUrls?: boolean
}

export interface Plan extends PlanHead {
  modules: WorkerModule[]
}

export interface PlanConfig {
  script: string
  durableObjects: string[]
  environmentVars: Record<string, string>
  healthCheck: { path: string; expectStatus: number | string; timeoutSeconds: number }
  migrations: { deletedClasses: string[]; renamedClasses: { from: string; to: string }[] }
  /** Omitted, like the two fields below, if the request does not contain it. */
  deleteSecrets?: string[]
  workersDev?: boolean
  previewUrls?: boolean
  /** The compatibility settings of the runtime, frozen so that an upgrade of Capstan does not change a plan. */
  compatibility: { date: string; flags: string[] }
  container?: PlannedContainer
  /** The class of the app's container, if the plan deletes the class and with it the container. */
  leavingContainer?: string
  /** Omitted if there are none. */
  hostnames?: string[]
  github?: GitHubSource
}

/** The sealing context of a plan's pull secret. */
export const pullSecretContext = (planId: string) => `plan:${planId}:pull-secret`

/** The key of the pull secret among the fingerprints of secrets; no valid name of a secret. */
export const pullSecretName = '@pull'

/** The compatibility settings of new plans. */
export const compatibility = { date: '2026-07-01', flags: ['nodejs_compat'] }

/** The maximum number of Workers of a paid account. */
export const maxScripts = 500

/** The name of an app's script in an environment; both environments may share one account. */
export const scriptName = (app: string, environment: Environment) =>
  environment === 'production' ? app : `${app}-staging`

/** The modules to upload, the main one first. @throws REQ_002 if there are none, or they are invalid */
export function modulesOf(config: PrepareConfig): WorkerModule[] {
  if (config.script !== undefined && config.modules !== undefined) {
    throw invalidBody([{ path: 'config.modules', problem: 'give either script or modules' }])
  }
  if (config.script !== undefined) {
    return [{ name: 'index.js', type: 'esm', content: Buffer.from(config.script).toString('base64') }]
  }
  const modules = config.modules ?? []
  if (modules[0] === undefined)
    throw invalidBody([{ path: 'config', problem: 'script or modules is required' }])
  const faults: FieldFault[] = []
  if (modules[0].type !== 'esm')
    faults.push({ path: 'config.modules.0.type', problem: 'the main module must be esm' })
  const names = modules.map((each) => each.name)
  names.forEach((name, index) => {
    if (names.indexOf(name) !== index)
      faults.push({ path: `config.modules.${index}.name`, problem: 'is used twice' })
  })
  if (faults.length > 0) throw invalidBody(faults)
  return modules
}

/** Checks that binding names are unique over all kinds of bindings. @throws REQ_002 with each collision */
export function checkBindings(config: PrepareConfig): void {
  const faults: FieldFault[] = []
  const taken = new Set(config.durableObjects.map(bindingName))
  if (taken.size < config.durableObjects.length) {
    faults.push({ path: 'config.durableObjects', problem: 'two classes have the same binding name' })
  }
  for (const kind of ['environmentVars', 'secrets'] as const) {
    for (const name of Object.keys(config[kind])) {
      if (taken.has(name))
        faults.push({ path: `config.${kind}.${name}`, problem: 'another binding has this name' })
      taken.add(name)
    }
  }
  for (const name of config.deleteSecrets.filter((each) => config.secrets[each] !== undefined)) {
    faults.push({ path: 'config.deleteSecrets', problem: `the secret ${name} is also in secrets` })
  }
  if (faults.length > 0) throw invalidBody(faults)
}

/** The SHA-256 of a plan's effects: without ids and times, and with fingerprints of the secrets. */
export function planDigest(plan: {
  environment: Environment
  app: string
  config: PlanConfig
  modules: WorkerModule[]
  secretFingerprints: Record<string, string>
}): string {
  return `sha256:${createHash('sha256').update(canonical(plan)).digest('hex')}`
}
