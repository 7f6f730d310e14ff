import type { Knex } from 'knex'
import type { Confirmation, Verdict } from '../polling/confirm.ts'
import type { Backlogs, Divergence } from '../polling/signals.ts'
import type { KnownNetworks } from './nodes.ts'
import { addBridgeRollups } from './rollups.ts'

/** One poll of all active nodes. */
export interface Cycle {
  id: string
  jobId: string
  startedAt: Date
  /** The time that the cycle represents. */
  seconds: number
  shards: number
  minOnline: number
}

// The database's clock, which all processes share; in milliseconds, the precision of a JavaScript date.
const now = `date_trunc('milliseconds', clock_timestamp())`

/** The result of opening a cycle; `older`: a cycle with a later due time exists. */
export type Opening =
  | { kind: 'open'; cycle: Cycle }
  | { kind: 'over' }
  | { kind: 'older' }
  /** Another cycle runs; `overdueMs` is the time since this one was due. */
  | { kind: 'busy'; jobId: string; overdueMs: number }

/**
 * Ignores due times in the future: they were written by a clock that was ahead, and do not make this cycle outdated.
 * @returns the latest due time
 */
export async function findFutureCycle(db: Knex): Promise<{ dueAt: Date } | undefined> {
  const row = await db('orchestrator_cycles')
    .whereRaw("due_at > clock_timestamp() + interval '1 second'")
    .orderBy('due_at', 'desc')
    .first('due_at')
  return row === undefined ? undefined : { dueAt: row.due_at }
}

/**
 * Opens a job's cycle, or finds the one that it opened before a crash. A unique index allows only one running cycle,
 * whatever the number of workers.
 */
export async function openCycle(
  trx: Knex.Transaction,
  input: { jobId: string; dueAt: Date; seconds: number; shards: number; minOnline: number },
): Promise<Opening> {
  await trx.raw(
    `insert into orchestrator_cycles (job_id, due_at, started_at, seconds, shards, shards_left, min_online)
     select :jobId, :dueAt, ${now}, :seconds, :shards, :shards, :minOnline
     where not exists (select from orchestrator_cycles where due_at > :dueAt and due_at <= clock_timestamp())
     on conflict do nothing`,
    { ...input },
  )
  const own = await trx('orchestrator_cycles').where({ job_id: input.jobId }).forUpdate().first()
  if (own !== undefined) {
    if (own.state !== 'running') return { kind: 'over' }
    // The samples will be of now: not of the time before a crash, or before the insert waited for a cycle that was
    // about to end.
    const [row] = await trx('orchestrator_cycles')
      .where({ id: own.id })
      .update({ started_at: trx.raw(now) })
      .returning('*')
    return { kind: 'open', cycle: toCycle(row) }
  }
  const running = await trx('orchestrator_cycles')
    .where({ state: 'running' })
    .first(
      'job_id',
      trx.raw('(extract(epoch from clock_timestamp() - ?) * 1000)::float8 as overdue', [input.dueAt]),
    )
  if (running === undefined) return { kind: 'older' }
  return { kind: 'busy', jobId: running.job_id, overdueMs: running.overdue }
}

export async function findRunningCycle(db: Knex, id: string): Promise<Cycle | undefined> {
  const row = await db('orchestrator_cycles').where({ id, state: 'running' }).first()
  return row === undefined ? undefined : toCycle(row)
}

/** Closes a cycle whose job has failed, as not measured. */
export async function abandonCycle(trx: Knex.Transaction, jobId: string): Promise<void> {
  await trx('orchestrator_cycles')
    .where({ job_id: jobId, state: 'running' })
    .update({ state: 'abandoned', finished_at: trx.raw(now) })
}

/** Counts a part as done, under the cycle's row lock. @returns the cycle if this was its last part */
export async function finishShard(trx: Knex.Transaction, cycleId: string): Promise<CycleEnd | undefined> {
  const [row] = await trx('orchestrator_cycles')
    .where({ id: cycleId, state: 'running' })
    .where('shards_left', '>', 0)
    .update({ shards_left: trx.raw('shards_left - 1') })
    .returning([
      '*',
      trx.raw(
        `(select diverged from orchestrator_cycles where state = 'complete' order by id desc limit 1) as last_diverged`,
      ),
    ])
  if (row?.shards_left !== 0) return undefined
  return { cycle: toCycle(row), divergence: row.last_diverged ?? {} }
}

/** A cycle whose parts are all done. */
export interface CycleEnd {
  cycle: Cycle
  /** Since when backlogs differ, as of the previous cycle. */
  divergence: Divergence
}

/** An active node's state as the end of a cycle sees it. */
export interface StateInCycle extends Pick<Confirmation, 'confirmed'> {
  measured: boolean
  verdict: Verdict | null
  networks: KnownNetworks
}

export async function statesInCycle(db: Knex, cycleId: string): Promise<StateInCycle[]> {
  const { rows } = await db.raw(
    `select s.confirmed, s.verdict, s.networks, s.cycle_id is not distinct from ?::bigint as measured
     from orchestrator_nodes n left join orchestrator_states s on s.node_id = n.id where n.is_active`,
    [cycleId],
  )
  return rows.map((row: StateInCycle) => ({ ...row, networks: row.networks ?? {} }))
}

export interface CycleResult {
  onlineCount: number
  totalCount: number
  throttled: number
  unknown: number
  bridgeStatus: 'online' | 'offline' | null
  networks: Backlogs
  diverged: Divergence
}

export async function completeCycle(trx: Knex.Transaction, id: string, result: CycleResult): Promise<void> {
  await trx('orchestrator_cycles')
    .where({ id, state: 'running' })
    .update({
      state: 'complete',
      finished_at: trx.raw(now),
      online_count: result.onlineCount,
      total_count: result.totalCount,
      throttled: result.throttled,
      unknown: result.unknown,
      bridge_status: result.bridgeStatus,
      networks: JSON.stringify(result.networks),
      diverged: JSON.stringify(result.diverged),
    })
  await addBridgeRollups(trx, id)
}

function toCycle(row: CycleRow): Cycle {
  return {
    id: row.id,
    jobId: row.job_id,
    startedAt: row.started_at,
    seconds: row.seconds,
    shards: row.shards,
    minOnline: row.min_online,
  }
}

interface CycleRow {
  id: string
  job_id: string
  started_at: Date
  seconds: number
  shards: number
  min_online: number
}
