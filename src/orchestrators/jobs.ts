import type { Knex } from 'knex'
import { z } from 'zod'
import { type Principal, requirePermission } from '../platform/auth.ts'
import type { JobDefinition, JobEnd, Outcome, Run } from '../platform/jobs/index.ts'

const shardPayload = z.strictObject({ cycleId: z.string().regex(/^\d+$/), shard: z.int().min(0) })
export type ShardPayload = z.output<typeof shardPayload>

/** The handlers of the jobs below. */
export interface Polling {
  runCycle(run: Run): Promise<Outcome>
  runShard(payload: ShardPayload, run: Run): Promise<Outcome>
  settleShard(trx: Knex.Transaction, job: { payload: ShardPayload; ending: JobEnd }): Promise<void>
}

/** Stopping a poll needs the permission to change the nodes. */
const authorizeChange = async (_polling: Polling, _db: Knex, { principal }: { principal: Principal }) =>
  requirePermission(principal, 'orchestrators:write')

const queue = 'poll-orchestrators'
// Requests to nodes have their own deadline of a minute at most; the rest is for reading and writing.
const timeLimitMs = 2 * 60_000
const backoff = { firstMs: 500, maxMs: 5000 }

/** One poll of all active nodes. Its schedule is the configured poll interval. */
export const pollCycleJob: JobDefinition<Record<string, never>, Polling> = {
  queue,
  name: 'poll-cycle',
  payload: z.strictObject({}),
  maxAttempts: 3,
  timeoutMs: () => timeLimitMs,
  backoff,
  retryRefused: 'The next cycle starts on schedule',
  authorizeChange,
  handle: (polling, _payload, run) => polling.runCycle(run),
}

/** A part of a cycle's nodes, when they are too many for one worker. */
export const pollShardJob: JobDefinition<ShardPayload, Polling> = {
  queue,
  name: 'poll-shard',
  payload: shardPayload,
  maxAttempts: 3,
  timeoutMs: () => timeLimitMs,
  backoff,
  retryRefused: 'The next cycle starts on schedule',
  authorizeChange,
  describe: async (_polling, _db, payloads) =>
    payloads.map(({ cycleId, shard }) => ({ cycle: cycleId, part: String(shard + 1) })),
  handle: (polling, payload, run) => polling.runShard(payload, run),
  onFinalState: (polling, trx, job) => polling.settleShard(trx, job),
}
