import type { Knex } from 'knex'
import type { CloudflareCredentials, Config } from '../platform/config/index.ts'
import type { EventHub } from '../platform/events/index.ts'
import type { Route } from '../platform/http/index.ts'
import type { Enqueue } from '../platform/jobs/index.ts'
import type { Secrets } from '../platform/secrets.ts'
import { createEngine, type DeploymentEngine } from './engine.ts'
import { createDeploymentHealth } from './health.ts'
import { deploymentRoutes } from './routes.ts'
import { createDeploymentService } from './service.ts'
import { prunePlans } from './store.ts'
import { createTargets } from './target.ts'

export { registerDeploymentCommands } from './commands.ts'
export { deployStepJob, rollbackJob } from './jobs.ts'

export interface Deployments {
  engine: DeploymentEngine
  routes: Route[]
  /** Housekeeping: removes plans that were never deployed. @returns how many. */
  prune(): Promise<number>
}

export interface DeploymentsOptions {
  db: Knex
  config: Config
  secrets: Secrets
  hub: EventHub
  enqueue: Enqueue
  localCredentials: () => Promise<CloudflareCredentials>
}

export function createDeployments(options: DeploymentsOptions): Deployments {
  const { db, config, secrets, hub, enqueue } = options
  const targets = createTargets(config, options.localCredentials)
  const engine = createEngine({ db, secrets, targets, enqueue })
  const service = createDeploymentService({ db, secrets, targets, engine })
  const health = createDeploymentHealth(db, targets)
  return { engine, routes: deploymentRoutes({ db, hub, service, health }), prune: () => prunePlans(db) }
}
