import { setMaxListeners } from 'node:events'
import type { Knex } from 'knex'
import { appendEvents } from '../../platform/events/index.ts'
import { type Enqueue, findJob, type Outcome, type Run } from '../../platform/jobs/index.ts'
import type { OrchestratorsConfig } from '../config.ts'
import { pollShardJob, type ShardPayload } from '../jobs.ts'
import type { NodeClient } from '../node/client.ts'
import { statusStream } from '../status/stream.ts'
import {
  abandonCycle,
  type Cycle,
  completeCycle,
  findFutureCycle,
  findRunningCycle,
  finishShard,
  openCycle,
  statesInCycle,
} from '../store/cycles.ts'
import { countActiveNodes, type PolledNode } from '../store/nodes.ts'
import { polledNodes } from '../store/polled.ts'
import { type Learnt, writeLearnt } from '../store/samples.ts'
import { learn } from './learn.ts'
import { pollNode } from './poll-node.ts'
import { backlogsOf, divergenceOf } from './signals.ts'

export interface PollingOptions {
  db: Knex
  config: OrchestratorsConfig
  client: NodeClient
  enqueue: Enqueue
}

/** How soon a cycle that waits for another looks again. */
const waitMs = 500

/** One scheduled sweep over all active nodes, by this job alone or, if they are very many, by jobs for parts of them. */
export async function runCycle(options: PollingOptions, run: Run): Promise<Outcome> {
  const { db, config } = options
  const job = await findJob(db, run.jobId)
  if (job === undefined) return { kind: 'done' }
  const dueAt = new Date(job.createdAt.getTime() - (job.lateMs ?? 0))
  const shards = Math.max(1, Math.ceil((await countActiveNodes(db)) / config.shardSize))
  const seconds = Math.round(config.pollIntervalMs / 1000)
  const about = { jobId: run.jobId, dueAt, seconds, shards, minOnline: config.minOnline }
  const opening = await run.write((trx) => openCycle(trx, about))
  if (opening.kind === 'over' || opening.kind === 'older') return { kind: 'done' }
  if (opening.kind === 'busy') return waitFor(options, run, { holder: opening.jobId, ...opening })
  const future = await findFutureCycle(db)
  if (future !== undefined)
    run.log.warn(
      { reason: `due at ${future.dueAt.toISOString()}` },
      'ignored a poll cycle that is recorded in the future: a clock was ahead',
    )
  const { cycle } = opening
  if (cycle.shards > 1) return { kind: 'done', commit: (trx) => fanOut(options, trx, cycle) }
  return pollPart(options, run, { cycle, shard: 0 })
}

/** One part of a cycle that is spread over the workers. */
export async function runShard(options: PollingOptions, payload: ShardPayload, run: Run): Promise<Outcome> {
  const cycle = await findRunningCycle(options.db, payload.cycleId)
  if (cycle === undefined) return { kind: 'done' }
  return pollPart(options, run, { cycle, shard: payload.shard })
}

/** A part that failed for good measured nothing; the cycle goes on without it. */
export async function settleShard(trx: Knex.Transaction, payload: ShardPayload): Promise<void> {
  await endPart(trx, payload.cycleId)
}

/**
 * Another cycle runs. It ends soon, or its worker died and its job is being delivered again; a job that ended without
 * its cycle is out of the way at once. A cycle that waits until the next one is due has nothing to add.
 */
async function waitFor(
  options: PollingOptions,
  run: Run,
  about: { holder: string; overdueMs: number },
): Promise<Outcome> {
  const { db, config } = options
  const holder = await findJob(db, about.holder)
  if (holder === undefined || holder.state === 'failed' || holder.state === 'cancelled') {
    await run.write((trx) => abandonCycle(trx, about.holder))
    return { kind: 'snooze', ms: 0 }
  }
  if (about.overdueMs < config.pollIntervalMs) return { kind: 'snooze', ms: waitMs }
  run.log.warn({ jobId: run.jobId }, 'a poll cycle was left out: the one before it took too long')
  return { kind: 'done' }
}

async function fanOut({ enqueue }: PollingOptions, trx: Knex.Transaction, cycle: Cycle): Promise<void> {
  for (let shard = 0; shard < cycle.shards; shard++) {
    await enqueue(trx, pollShardJob, { payload: { cycleId: cycle.id, shard } })
  }
}

async function pollPart(
  options: PollingOptions,
  run: Run,
  part: { cycle: Cycle; shard: number },
): Promise<Outcome> {
  const { cycle, shard } = part
  const { db, client, config } = options
  const nodes = await polledNodes(db, { shard, shards: cycle.shards })
  const { rpcTimeoutMs: timeoutMs } = config
  // All are asked at once, so one deadline is everybody's.
  const deadline = AbortSignal.any([run.signal, AbortSignal.timeout(timeoutMs)])
  setMaxListeners(0, deadline)
  const about = { deadline, run: run.signal, timeoutMs, now: cycle.startedAt.getTime() }
  // What an answer says is worked out while others are waited for, and its text is let go.
  const one = async (node: PolledNode) =>
    learn(await pollNode(client, node, about), { at: cycle.startedAt, limits: config })
  const learnt = await Promise.all(nodes.map(one))
  return { kind: 'done', commit: (trx) => record(trx, cycle, learnt) }
}

/** Samples, states and, with the last part, the cycle's result: one transaction with the job's outcome. */
async function record(trx: Knex.Transaction, cycle: Cycle, learnt: Learnt[]): Promise<void> {
  await writeLearnt(trx, cycle, learnt)
  await endPart(trx, cycle.id)
}

/** The last part of a cycle ends it. */
async function endPart(trx: Knex.Transaction, cycleId: string): Promise<void> {
  const ending = await finishShard(trx, cycleId)
  if (ending === undefined) return
  const { cycle, divergence } = ending
  const states = await statesInCycle(trx, cycle.id)
  const isKnown = states.filter((each) => each.confirmed !== null)
  const online = states.filter((each) => each.confirmed === true)
  const answered = online.filter((each) => each.measured && each.verdict === 'g').map((each) => each.networks)
  const bridgeStatus = online.length >= cycle.minOnline ? 'online' : 'offline'
  await completeCycle(trx, cycle.id, {
    onlineCount: online.length,
    totalCount: states.length,
    throttled: states.filter((each) => each.measured && each.verdict === 't').length,
    unknown: states.filter((each) => !each.measured || each.confirmed === null).length,
    // Without a node whose state is known the bridge was not measured.
    bridgeStatus: isKnown.length === 0 ? null : bridgeStatus,
    networks: backlogsOf(answered),
    diverged: divergenceOf(answered, divergence, cycle.startedAt),
  })
  await appendEvents(trx, [
    { stream: statusStream, type: 'status_update', data: { cycle: Number(cycle.id) } },
  ])
}
