import type { Knex } from 'knex'
import type { Enqueue } from '../platform/jobs/index.ts'
import type { Logger } from '../platform/logging/logging.ts'
import type { ReleaseTrackerConfig } from './config.ts'
import type { Cluster } from './kubernetes/cluster.ts'

/** Milliseconds that one query may take which writes thousands of containers, on a server that has more to do. */
export const bulkQueryMs = 60_000

/** What the verbs of this folder share. */
export interface TrackerContext {
  db: Knex
  config: ReleaseTrackerConfig
  version: string
  log: Logger
  enqueue: Enqueue
  /** The cluster to collect, opened for one collection; undefined where there is none. */
  openCluster: (() => Cluster) | undefined
  now: () => Date
}
