import { createHash } from 'node:crypto'
import { canonicalJson } from '../../platform/http/canonical-json.ts'
import type { Environment } from '../config.ts'
import type { Basis } from './app-state.ts'
import type { PlannedContainer } from './planned-container.ts'
import type { AssetConfig, AssetFile } from './request/assets.ts'
import type { Compatibility } from './request/code.ts'
import type { PrepareConfig } from './request/config.ts'
import type { GitHubSource } from './request/github-source.ts'
import type { HealthCheck } from './request/health-check.ts'
import type { PlannedModule, StoredModule } from './worker-module.ts'

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

/** One effect of a plan. */
export interface PlannedChange {
  kind: string
  name: string
  action: 'create' | 'replace' | 'rename' | 'delete' | 'keep'
  /** The binding that a resource or a migration belongs to. */
  binding?: string
  note?: string
}

/** The effects of a plan, shown before the deployment. */
export interface PlanPreview {
  changes: PlannedChange[]
  reversible: { value: boolean; reasons: string[] }
  /** The public addresses that the plan sets; omitted ones do not change. */
  publication?: Publication
  /** The compatibility settings of the new version. Plans of older versions of Capstan have them in their content. */
  compatibility?: Compatibility
  /** The URL of the health check; null if the app will have no public address, or is not checked. */
  healthCheck?: string | null
  /** Whether the new version is checked at 0 % of the traffic. Absent in plans of older versions of Capstan. */
  checkBeforeTraffic?: {
    possible: boolean
    /** The reason why it is impossible. */
    reason: string | null
    /** What shows which version answered. */
    proof: 'response_header' | 'live_log' | null
  }
}

/** The addresses under the account's workers.dev subdomain. */
export interface Publication {
  workersDev?: boolean
  previewUrls?: boolean
}

export interface Plan extends PlanHead {
  modules: PlannedModule[]
  /** The code of modules that the request contained, to be stored with the plan. */
  code: Buffer[]
  /** The static files, sorted by path. */
  assetFiles: AssetFile[] | undefined
}

/** The content of a plan except its code. A field that the request omits is absent. */
export interface PlanConfig extends RequestedParts {
  script: string
  durableObjects: string[]
  environmentVars: Record<string, string>
  healthCheck: HealthCheck
  migrations: { deletedClasses: string[]; renamedClasses: { from: string; to: string }[] }
  /** Omitted, like the two fields below, if the request does not contain it. */
  deleteSecrets?: string[]
  workersDev?: boolean
  previewUrls?: boolean
  container?: PlannedContainer
  /** The class of the app's container, if the plan deletes the class and with it the container. */
  leavingContainer?: string
  /** Omitted if there are none. */
  hostnames?: string[]
  github?: GitHubSource
  assets?: PlannedAssets
}

/** The parts of a request that a plan contains unchanged. */
type RequestedParts = {
  [Part in (typeof requestedParts)[number]]?: Exclude<PrepareConfig[Part], undefined>
}

/** Their names. */
export const requestedParts = [
  'compatibility',
  'bindings',
  'keepVars',
  'classMigrations',
  'exports',
  'versionSettings',
  'scriptSettings',
  'metadata',
  'crons',
  'queueConsumers',
  'workflows',
  'databases',
  'noMigrate',
  'source',
] as const

/** The static files of a plan. The list of files is stored apart, because it can be large. */
export interface PlannedAssets {
  /** The SHA-256 of the list of files. */
  manifest: string
  files: number
  bytes: number
  config: AssetConfig
}

/** The sealing context of a plan's pull secret. */
export const pullSecretContext = (planId: string) => `plan:${planId}:pull-secret`

/** The key of the pull secret among the fingerprints of secrets; no valid name of a secret. */
export const pullSecretName = '@pull'

/** The compatibility settings of a first deployment whose plan gives none. */
export const defaultCompatibility = { date: '2026-07-01', flags: ['nodejs_compat'] }

/** The maximum number of Workers of a paid account. */
export const maxScripts = 500

/** The name of an app's script in an environment; both environments may share one account. */
export const scriptName = (app: string, environment: Environment) =>
  environment === 'production' ? app : `${app}-staging`

/**
 * The SHA-256 of a plan's effects: without ids, times and the project that it was made from, and with fingerprints of
 * the secrets.
 */
export function planDigest(plan: {
  environment: Environment
  app: string
  config: PlanConfig
  modules: StoredModule[]
  secretFingerprints: Record<string, string>
}): string {
  const { source: _, ...config } = plan.config
  // The code determines its size.
  const modules = plan.modules.map((module) => {
    const { name, type } = module
    return 'digest' in module ? { name, type, digest: module.digest } : module
  })
  const text = canonicalJson({ ...plan, config, modules })
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
