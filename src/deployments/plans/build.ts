import { randomUUID } from 'node:crypto'
import type { Secrets } from '../../platform/secrets.ts'
import type { Environment } from '../config.ts'
import type { GitHubSource } from '../github/store.ts'
import {
  checkBindings,
  compatibility,
  modulesOf,
  type Plan,
  type PlanConfig,
  planDigest,
  pullSecretContext,
  pullSecretName,
  scriptName,
} from '../model/plan.ts'
import type { PlannedContainer } from '../model/planned-container.ts'
import type { PrepareConfig } from '../model/schema.ts'
import type { WorkerModule } from '../model/worker-module.ts'
import { type WantedContainer, wantedContainer } from './container.ts'

const planLifeMs = 3_600_000

/** Checks a configuration as a whole. @throws REQ_002 for contradictory parts */
export function checkConfig(given: PrepareConfig): {
  config: PrepareConfig
  wanted: WantedContainer | undefined
} {
  const wanted = wantedContainer(given)
  const classes = new Set([...given.durableObjects, ...(wanted === undefined ? [] : [wanted.className])])
  const config = { ...given, durableObjects: [...classes] }
  checkBindings(config)
  if (wanted?.isContainerOnly !== true) modulesOf(config)
  return { config, wanted }
}

/** Builds a plan from a checked configuration. */
export function buildPlan(
  input: {
    environment: Environment
    config: PrepareConfig
    github?: GitHubSource | undefined
    createdBy: string
    /** By the database's clock. */
    createdAt: Date
    /** The container with its resolved image, and the modules of its front if the app has no code. */
    container?: { planned: PlannedContainer; front: WorkerModule[] | undefined } | undefined
    leavingContainer?: string | undefined
  },
  secrets: Secrets,
): Omit<Plan, 'preview' | 'basis'> {
  const { environment, config, createdBy, createdAt, container } = input
  const modules = container?.front ?? modulesOf(config)
  const planConfig: PlanConfig = {
    script: scriptName(config.appName, environment),
    durableObjects: config.durableObjects,
    environmentVars: config.environmentVars,
    healthCheck: config.healthCheck,
    migrations: config.migrations,
    ...(config.deleteSecrets.length === 0 ? {} : { deleteSecrets: config.deleteSecrets }),
    ...(config.workersDev === undefined ? {} : { workersDev: config.workersDev }),
    ...(config.previewUrls === undefined ? {} : { previewUrls: config.previewUrls }),
    compatibility,
    ...(container === undefined ? {} : { container: container.planned }),
    ...(input.leavingContainer === undefined ? {} : { leavingContainer: input.leavingContainer }),
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
    secrets: sealed,
    pullSecret: pull === null ? null : secrets.seal(pull, pullSecretContext(id)),
    createdBy,
    createdAt,
    expiresAt,
  }
}
