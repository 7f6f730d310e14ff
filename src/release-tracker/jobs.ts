import { z } from 'zod'
import type { JobDefinition, Schedule } from '../platform/jobs/index.ts'
import { clientOf } from './access.ts'
import { authorizeChange } from './authorize-change.ts'
import { collect } from './collection/collect.ts'
import type { TrackerContext } from './context.ts'
import { describeOwn } from './describe-own.ts'
import { checkPings, pingMaster } from './push/ping.ts'

const nothing = z.strictObject({})
type Nothing = Record<string, never>

const minute = 60_000
export const collectSubject = 'tracker:collect'

/** One collection of the cluster. Its schedule is `COLLECTION_INTERVAL`. */
export const collectJob: JobDefinition<Nothing, TrackerContext> = {
  queue: 'collect',
  name: 'collect',
  payload: nothing,
  maxAttempts: 3,
  timeoutMs: () => 10 * minute,
  backoff: { firstMs: 5000, maxMs: minute },
  // A request for a collection may return the open job of another caller, who may be another principal.
  mayWatch({ config }, { principal }) {
    const client = clientOf(principal)
    return (
      principal.permissions.has('tracker:write') && (client === undefined || client === config.clientName)
    )
  },
  authorizeChange,
  describe: describeOwn,
  handle: (context, _payload, run) => collect(context, run),
}

/** A slave's ping. Few attempts: the next ping follows in five minutes anyway. */
export const pingMasterJob: JobDefinition<Nothing, TrackerContext> = {
  queue: 'ping',
  name: 'ping-master',
  payload: nothing,
  maxAttempts: 3,
  timeoutMs: () => minute,
  backoff: { firstMs: 5000, maxMs: 30_000 },
  authorizeChange,
  describe: describeOwn,
  handle: (context, _payload, run) => pingMaster(context, run),
}

/** A master publishes changes of the status of its slaves. */
export const checkPingsJob: JobDefinition<Nothing, TrackerContext> = {
  queue: 'ping',
  name: 'check-pings',
  payload: nothing,
  maxAttempts: 3,
  timeoutMs: () => minute,
  backoff: { firstMs: 1000, maxMs: 10_000 },
  authorizeChange,
  handle: (context, _payload, run) => checkPings(context, run),
}

/** The schedules, which depend on the mode. */
export function schedulesOf({ config, openCluster }: TrackerContext): {
  collect: Schedule | undefined
  pingMaster: Schedule | undefined
  checkPings: Schedule | undefined
} {
  const collects = openCluster !== undefined
  return {
    collect: collects ? { everyMs: config.collectEveryMs, subject: collectSubject } : undefined,
    pingMaster: config.mode === 'slave' ? { everyMs: 5 * minute } : undefined,
    checkPings: config.mode === 'master' ? { everyMs: minute } : undefined,
  }
}
