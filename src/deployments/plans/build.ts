import { createHash, randomUUID } from 'node:crypto'
import { canonicalJson } from '../../platform/http/canonical-json.ts'
import type { Secrets } from '../../platform/secrets.ts'
import type { Environment } from '../config.ts'
import {
  type Plan,
  type PlanConfig,
  type PlannedAssets,
  planDigest,
  pullSecretContext,
  pullSecretName,
  requestedParts,
  scriptName,
} from '../model/plan.ts'
import type { PlannedContainer } from '../model/planned-container.ts'
import type { AssetConfig, AssetFile } from '../model/request/assets.ts'
import type { PrepareConfig } from '../model/request/config.ts'
import type { GitHubSource } from '../model/request/github-source.ts'
import type { WorkerModule } from '../model/worker-module.ts'
import { isProject, type WantedContainer, wantedContainer } from './container.ts'
import { checkParts } from './parts/checks.ts'
import { modulesOf, plannedModules } from './parts/modules.ts'

const planLifeMs = 3_600_000

/** Checks a configuration as a whole. @throws REQ_002 for contradictory parts */
export function checkConfig(given: PrepareConfig): {
  config: PrepareConfig
  wanted: WantedContainer | undefined
} {
  const wanted = wantedContainer(given)
  // A project names the class itself, and its binding, if it has one.
  const added = wanted === undefined || isProject(given) ? [] : [wanted.className]
  const config = { ...given, durableObjects: [...new Set([...given.durableObjects, ...added])] }
  checkParts(config)
  if (wanted?.isContainerOnly !== true) modulesOf(config)
  return { config, wanted }
}

interface PlanInput {
  environment: Environment
  config: PrepareConfig
  github?: GitHubSource | undefined
  createdBy: string
  /** By the database's clock. */
  createdAt: Date
  /** The container with its resolved image, and the modules of its front if the app has no code. */
  container?: { planned: PlannedContainer; front: WorkerModule[] | undefined } | undefined
  leavingContainer?: string | undefined
  /** The sizes of the blobs that the request names. */
  blobs?: ReadonlyMap<string, number> | undefined
}

/** Builds a plan from a checked configuration. */
export function buildPlan(input: PlanInput, secrets: Secrets): Omit<Plan, 'preview' | 'basis'> {
  const { environment, config, createdBy, createdAt, container } = input
  const given = container?.front ?? modulesOf(config)
  const { modules, code } = plannedModules(given, input.blobs ?? new Map())
  const assetFiles = config.assets?.files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const planConfig = configOf(input, assetFiles)
  const id = randomUUID()
  const sealed: Record<string, string> = {}
  const secretFingerprints: Record<string, string> = {}
  for (const [name, text] of Object.entries(config.secrets)) {
    sealed[name] = secrets.seal(text, `plan:${id}:${name}`)
    secretFingerprints[name] = secrets.fingerprint(text)
  }
  const secret = config.container?.pullSecret
  const pull = secret === undefined ? null : JSON.stringify(secret)
  if (pull !== null) secretFingerprints[pullSecretName] = secrets.fingerprint(pull)
  const app = config.appName
  const digest = planDigest({ environment, app, config: planConfig, modules, secretFingerprints })
  const expiresAt = new Date(createdAt.getTime() + planLifeMs)
  return {
    id,
    app,
    environment,
    digest,
    config: planConfig,
    modules,
    code,
    assetFiles,
    secrets: sealed,
    pullSecret: pull === null ? null : secrets.seal(pull, pullSecretContext(id)),
    createdBy,
    createdAt,
    expiresAt,
  }
}

function configOf(
  { environment, config, github, container, leavingContainer }: PlanInput,
  files: AssetFile[] = [],
): PlanConfig {
  const { deleteSecrets, workersDev, previewUrls, hostnames, assets } = config
  const requested = requestedParts.flatMap((part) =>
    config[part] === undefined ? [] : [[part, config[part]] as const],
  )
  return {
    script: scriptName(config.appName, environment),
    durableObjects: config.durableObjects,
    environmentVars: config.environmentVars,
    healthCheck: config.healthCheck,
    migrations: config.migrations,
    ...(deleteSecrets.length === 0 ? {} : { deleteSecrets }),
    ...(workersDev === undefined ? {} : { workersDev }),
    ...(previewUrls === undefined ? {} : { previewUrls }),
    ...(container === undefined ? {} : { container: container.planned }),
    ...(leavingContainer === undefined ? {} : { leavingContainer }),
    ...(hostnames.length === 0 ? {} : { hostnames }),
    ...(github === undefined ? {} : { github }),
    ...Object.fromEntries(requested),
    ...(assets === undefined ? {} : { assets: plannedAssets(files, assets.config) }),
  }
}

function plannedAssets(files: AssetFile[], config: AssetConfig): PlannedAssets {
  return {
    manifest: createHash('sha256').update(canonicalJson(files)).digest('hex'),
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    config,
  }
}
