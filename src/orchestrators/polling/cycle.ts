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

/** Poll interval of a cycle that waits for another one. */
const waitMs = 500

/** One scheduled poll of all active nodes, by this job or, for very many nodes, by one job per part. */
export async function runCycle(options: PollingOptions, run: Run): Promise<Outcome> {
  const { db, config } = options
  const job = await findJob(db, run.jobId)
  if (job === undefined) return { kind: 'done' }
  const dueAt = new Date(job.createdAt.getTime() - (job.lateMs ?? 0))
  const shards = Math.max(1, Math.ceil((await countActiveNodes(db)) / config.shardSize))
  const seconds = Math.round(config.pollIntervalMs / 1000)
  const input = { jobId: run.jobId, dueAt, seconds, shards, minOnline: config.minOnline }
  const opening = await run.write((trx) => openCycle(trx, input))
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

/** One part of a cycle that is distributed over the workers. */
export async function runShard(options: PollingOptions, payload: ShardPayload, run: Run): Promise<Outcome> {
  const cycle = await findRunningCycle(options.db, payload.cycleId)
  if (cycle === undefined) return { kind: 'done' }
  return pollPart(options, run, { cycle, shard: payload.shard })
}

/** Runs when a part has failed for good: the cycle continues without its samples. */
export async function settleShard(trx: Knex.Transaction, payload: ShardPayload): Promise<void> {
  await endPart(trx, payload.cycleId)
}

/**
 * Handles a cycle that finds another one running. The other one ends soon, or its worker died and its job is delivered
 * again; a cycle whose job has ended is closed at once. A cycle that would wait until the next one is due is skipped.
 */
async function waitFor(
  options: PollingOptions,
  run: Run,
  input: { holder: string; overdueMs: number },
): Promise<Outcome> {
  const { db, config } = options
  const holder = await findJob(db, input.holder)
  if (holder === undefined || holder.state === 'failed' || holder.state === 'cancelled') {
    await run.write((trx) => abandonCycle(trx, input.holder))
    return { kind: 'snooze', ms: 0 }
  }
  if (input.overdueMs < config.pollIntervalMs) return { kind: 'snooze', ms: waitMs }
  run.log.warn({ jobId: run.jobId }, 'a poll cycle was skipped: the previous one took too long')
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
  // All nodes are polled at the same time, so they share one deadline.
  const deadline = AbortSignal.any([run.signal, AbortSignal.timeout(timeoutMs)])
  setMaxListeners(0, deadline)
  const input = { deadline, run: run.signal, timeoutMs, now: cycle.startedAt.getTime() }
  // Each answer is parsed on arrival, so that its text can be freed while others are pending.
  const one = async (node: PolledNode) =>
    learn(await pollNode(client, node, input), { at: cycle.startedAt, limits: config })
  const learnt = await Promise.all(nodes.map(one))
  return { kind: 'done', commit: (trx) => record(trx, cycle, learnt) }
}

/** Writes samples, states and, with the last part, the cycle's result in the transaction of the job's outcome. */
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
    // No node has a known state: the bridge was not measured.
    bridgeStatus: isKnown.length === 0 ? null : bridgeStatus,
    networks: backlogsOf(answered),
    diverged: divergenceOf(answered, divergence, cycle.startedAt),
  })
  await appendEvents(trx, [
    { stream: statusStream, type: 'status_update', data: { cycle: Number(cycle.id) } },
  ])
}
