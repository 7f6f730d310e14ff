import type { Knex } from 'knex'
import type { Enqueue } from '../platform/jobs/index.ts'
import type { Logger } from '../platform/logging/logging.ts'
import type { ReleaseTrackerConfig } from './config.ts'
import type { Cluster } from './kubernetes/cluster.ts'

/** Time limit in milliseconds of a query that writes thousands of containers, on a busy server. */
export const bulkQueryMs = 60_000

/** The dependencies that all functions of the release tracker share. */
export interface TrackerContext {
  db: Knex
  config: ReleaseTrackerConfig
  version: string
  log: Logger
  enqueue: Enqueue
  /** Opens the configured cluster for one collection; undefined without a cluster. */
  openCluster: (() => Cluster) | undefined
  now: () => Date
}
