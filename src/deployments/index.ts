import type { Knex } from 'knex'
import type { PlatformConfig } from '../platform/config/index.ts'
import type { EventHub } from '../platform/events/index.ts'
import type { Route } from '../platform/http/index.ts'
import type { Enqueue, JobActions } from '../platform/jobs/index.ts'
import type { Logger } from '../platform/logging/logging.ts'
import { createOutgoing } from '../platform/network/outgoing.ts'
import type { Resources } from '../platform/resources.ts'
import type { Secrets } from '../platform/secrets.ts'
import { createDeploymentActions } from './actions/index.ts'
import type { CloudflareCredentials, DeploymentsConfig } from './config.ts'
import { createInspector } from './credentials/inspect.ts'
import { createGitHub } from './github/index.ts'
import { createGitHubRecords, type GitHubRecords } from './github/records.ts'
import { createImages } from './images/images.ts'
import type { ExecutionServices } from './jobs/enqueue.ts'
import { blobRoutes } from './routes/blobs.ts'
import { credentialRoutes } from './routes/credentials.ts'
import { githubRoutes } from './routes/github.ts'
import { createDeploymentHealth } from './routes/health.ts'
import { createMetrics } from './routes/metrics.ts'
import { deploymentRoutes } from './routes/read.ts'
import { createBlobQuota, pruneBlobs, prunePlans, pruneWrites } from './store/index.ts'
import { createAddresses } from './targets/addresses.ts'
import { createTargets, type TargetsConfig } from './targets/targets.ts'
import { createVault } from './targets/vault.ts'

export { reportToGitHubJob } from './github/jobs.ts'
export { deleteAppJob, deployStepJob, lateArrivalsJob, rollbackJob } from './handlers.ts'

export interface Deployments {
  /** The services of the job handlers. */
  services: ExecutionServices
  records: GitHubRecords
  routes: Route[]
  /** Housekeeping: removes expired plans without a deployment, and old write records. @returns the number of rows */
  prune(): Promise<number>
  /** Housekeeping: seals credentials of an older key with the present one. @returns the number of credentials */
  reseal(): Promise<number>
  /** Closes the connections to the cloud. */
  close(): Promise<void>
}

export interface DeploymentsOptions {
  db: Knex
  config: TargetsConfig & Pick<DeploymentsConfig, 'content' | 'github'> & Pick<PlatformConfig, 'publicUrl'>
  secrets: Secrets
  hub: EventHub
  enqueue: Enqueue
  localCredentials: () => Promise<CloudflareCredentials>
  log: Logger
  /** The database's time. */
  now: () => Date
  /** A getter, because the jobs are created after the deployments that they use. */
  jobActions: () => JobActions
  /** The capacity of the installation, and its use. */
  resources: () => Promise<Resources>
}

export function createDeployments(options: DeploymentsOptions): Deployments {
  const { db, config, secrets, hub, enqueue, log } = options
  const dispatcher = createOutgoing()
  const vault = createVault(db, secrets)
  const targets = createTargets({
    db,
    config,
    vault,
    dispatcher,
    now: options.now,
    localCredentials: options.localCredentials,
  })
  const registries = createOutgoing({ elsewhereOnly: !config.localCloud.enabled })
  const images = createImages({ dispatcher: registries })
  const github = createGitHub({ config: config.github, dispatcher, log })
  const addresses = createAddresses(db, targets)
  const records = createGitHubRecords({ db, github, publicUrl: config.publicUrl, addresses })
  const services = { db, secrets, targets, images, enqueue, records }
  const quota = createBlobQuota(db, config.content)
  const actions = createDeploymentActions({ ...services, addresses, quota, jobs: options.jobActions })
  const health = createDeploymentHealth({ db, targets, github, dispatcher })
  const metrics = createMetrics(db, options.resources)
  const inspector = createInspector(targets.connect)
  return {
    services,
    records,
    routes: [
      ...blobRoutes({ db, quota }),
      ...deploymentRoutes({ db, hub, actions, health, metrics }),
      ...credentialRoutes({ vault, targets, inspector }),
      ...githubRoutes(github),
    ],
    prune: async () => (await prunePlans(db)) + (await pruneBlobs(db)) + (await pruneWrites(db)),
    reseal: () => vault.reseal(),
    close: async () => void (await Promise.all([dispatcher.destroy(), registries.destroy()])),
  }
}
