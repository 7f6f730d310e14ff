import { randomUUID } from 'node:crypto'
import type { Environment } from '../platform/config/index.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { GitHubSource } from './github/store.ts'
import {
  checkBindings,
  compatibility,
  invalid,
  modulesOf,
  type Plan,
  type PlanConfig,
  planDigest,
  scriptName,
} from './plan.ts'
import type { PrepareConfig } from './schema.ts'

const planLifeMs = 3_600_000

/** @throws REQ_002 for parts that contradict each other or that this version can't deploy. */
export function buildPlan(
  input: {
    environment: Environment
    config: PrepareConfig
    github?: GitHubSource | undefined
    createdBy: string
  },
  secrets: Secrets,
): Omit<Plan, 'preview'> {
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
