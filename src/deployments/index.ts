import type { Knex } from 'knex'
import type { CloudflareCredentials, Config } from '../platform/config/index.ts'
import type { EventHub } from '../platform/events/index.ts'
import type { Route } from '../platform/http/index.ts'
import type { Enqueue, JobVerbs } from '../platform/jobs/index.ts'
import { createOutgoing } from '../platform/outgoing.ts'
import type { Secrets } from '../platform/secrets.ts'
import { createImages } from './containers/images.ts'
import { createEngine, type DeploymentEngine } from './engine.ts'
import { createDeploymentHealth } from './health.ts'
import { createMetrics } from './metrics.ts'
import { deploymentRoutes } from './routes.ts'
import { createDeploymentService } from './service.ts'
import { prunePlans } from './store/index.ts'
import { createTargets } from './target.ts'
import { createDeploymentVerbs } from './verbs/index.ts'

export { registerDeploymentCommands } from './commands.ts'
export { deleteAppJob, deployStepJob, lateArrivalsJob, rollbackJob } from './jobs.ts'

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
  /** Known only after the jobs, which work with what is made here. */
  verbs: () => JobVerbs
  /** How many workers are connected to the queue of steps; null when the queue store does not tell. */
  countWorkers: () => Promise<number | null>
}

export function createDeployments(options: DeploymentsOptions): Deployments {
  const { db, config, secrets, hub, enqueue } = options
  const targets = createTargets(config, options.localCredentials)
  const images = createImages(createOutgoing())
  const engine = createEngine({ db, secrets, targets, images, enqueue })
  const service = createDeploymentService({ db, secrets, targets, images, enqueue })
  const verbs = createDeploymentVerbs({ enqueue, jobs: options.verbs })
  const health = createDeploymentHealth(db, targets)
  const metrics = createMetrics(db, options.countWorkers)
  return {
    engine,
    routes: deploymentRoutes({ db, hub, service, verbs, health, metrics }),
    prune: () => prunePlans(db),
  }
}
