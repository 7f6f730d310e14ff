import { createHash } from 'node:crypto'
import { type FieldFault, invalidBody } from '../../platform/errors.ts'
import { canonical } from '../../platform/http/idempotency.ts'
import type { Environment } from '../config.ts'
import type { GitHubSource } from '../github/store.ts'
import type { Basis } from './app-state.ts'
import type { PlannedContainer } from './planned-container.ts'
import type { PrepareConfig } from './schema.ts'
import { bindingName, type WorkerModule } from './worker-module.ts'

/** What a deployment executes, and nothing else; its code is apart, since it can be large and few need it. */
export interface PlanHead {
  id: string
  app: string
  environment: Environment
  digest: string
  config: PlanConfig
  /** Name -> sealed value. */
  secrets: Record<string, string>
  /** Sealed; null when the image needs none, or is not needed any more. */
  pullSecret: string | null
  preview: PlanPreview
  /** What the cloud had of the app when the plan was made; null for a plan that was made before this was kept. */
  basis: Basis | null
  createdBy: string
  createdAt: Date
  expiresAt: Date
}

/** What a plan will do, as told before anything is done. */
export interface PlanPreview {
  changes: { kind: string; name: string; action: 'create' | 'replace' | 'rename' | 'delete' | 'keep' }[]
  reversible: { value: boolean; reasons: string[] }
  /** What the plan sets of the Worker's public addresses; what is left out stays as it is. */
  publication?: Publication
  /** Where the health check will ask; null: nowhere, the app will have no public address. */
  healthCheck?: string | null
}

/** The addresses below the account's workers.dev name. */
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
  /** Left out, as the two below, when the request does not say it. */
  deleteSecrets?: string[]
  workersDev?: boolean
  previewUrls?: boolean
  /** How the runtime behaves; frozen, so that an upgrade of Capstan does not change a plan. */
  compatibility: { date: string; flags: string[] }
  container?: PlannedContainer
  /** The class of the app's container, when the plan deletes it: the container goes with it. */
  leavingContainer?: string
  /** Left out when there are none. */
  hostnames?: string[]
  github?: GitHubSource
}

/** What a pull secret is sealed with. */
export const pullSecretContext = (planId: string) => `plan:${planId}:pull-secret`

/** Beside the fingerprints of variables: not a name that one could have. */
export const pullSecretName = '@pull'

/** What Workers made by this version get. */
export const compatibility = { date: '2026-07-01', flags: ['nodejs_compat'] }

/** Paid accounts may hold this many Workers. */
export const maxScripts = 500

/** The script of an app in an environment; both may live in one account. */
export const scriptName = (app: string, environment: Environment) =>
  environment === 'production' ? app : `${app}-staging`

/** The modules to upload, the main one first. @throws REQ_002 when there are none. */
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

/** Bindings of all kinds share one name space. @throws REQ_002 naming each collision. */
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

/** SHA-256 over what the plan does: no ids, no times; secrets by fingerprint. */
export function planDigest(plan: {
  environment: Environment
  app: string
  config: PlanConfig
  modules: WorkerModule[]
  secretFingerprints: Record<string, string>
}): string {
  return `sha256:${createHash('sha256').update(canonical(plan)).digest('hex')}`
}
