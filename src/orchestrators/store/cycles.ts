import type { Knex } from 'knex'
import type { Confirmation, Verdict } from '../polling/confirm.ts'
import type { Backlogs, Divergence } from '../polling/signals.ts'
import type { KnownNetworks } from './nodes.ts'
import { addBridgeRollups } from './rollups.ts'

/** One sweep over all active nodes. */
export interface Cycle {
  id: string
  jobId: string
  startedAt: Date
  /** The time that it stands for. */
  seconds: number
  shards: number
  minOnline: number
}

// The database's clock is everybody's; to the millisecond, which is what survives the way through this process.
const now = `date_trunc('milliseconds', clock_timestamp())`

/** What trying to open a cycle came to; `older`: a newer one has been made. */
export type Opening =
  | { kind: 'open'; cycle: Cycle }
  | { kind: 'over' }
  | { kind: 'older' }
  | { kind: 'busy'; jobId: string }

/**
 * Opens a job's cycle, or finds the one that it opened before it died. Only one can run at a time: a unique index
 * says so, however many workers there are.
 */
export async function openCycle(
  trx: Knex.Transaction,
  about: { jobId: string; dueAt: Date; seconds: number; shards: number; minOnline: number },
): Promise<Opening> {
  await trx.raw(
    `insert into orchestrator_cycles (job_id, due_at, started_at, seconds, shards, shards_left, min_online)
     select :jobId, :dueAt, ${now}, :seconds, :shards, :shards, :minOnline
     where not exists (select from orchestrator_cycles where due_at > :dueAt)
     on conflict do nothing`,
    { ...about },
  )
  const own = await trx('orchestrator_cycles').where({ job_id: about.jobId }).forUpdate().first()
  if (own !== undefined) {
    if (own.state !== 'running') return { kind: 'over' }
    // Its samples will be of now: not of the time before a crash, nor before the insert waited for the cycle that was
    // just ending.
    const [row] = await trx('orchestrator_cycles')
      .where({ id: own.id })
      .update({ started_at: trx.raw(now) })
      .returning('*')
    return { kind: 'open', cycle: toCycle(row) }
  }
  const running = await trx('orchestrator_cycles').where({ state: 'running' }).first('job_id')
  return running === undefined ? { kind: 'older' } : { kind: 'busy', jobId: running.job_id }
}

export async function findRunningCycle(db: Knex, id: string): Promise<Cycle | undefined> {
  const row = await db('orchestrator_cycles').where({ id, state: 'running' }).first()
  return row === undefined ? undefined : toCycle(row)
}

/** Ends a cycle whose job came to nothing; it measured nothing. */
export async function abandonCycle(trx: Knex.Transaction, jobId: string): Promise<void> {
  await trx('orchestrator_cycles')
    .where({ job_id: jobId, state: 'running' })
    .update({ state: 'abandoned', finished_at: trx.raw(now) })
}

/** Counts a part as done, under the cycle's row lock. @returns what ends with it, if it was the last. */
export async function finishShard(trx: Knex.Transaction, cycleId: string): Promise<Ending | undefined> {
  const [row] = await trx('orchestrator_cycles')
    .where({ id: cycleId, state: 'running' })
    .where('shards_left', '>', 0)
    .update({ shards_left: trx.raw('shards_left - 1') })
    .returning([
      '*',
      trx.raw(
        `(select diverged from orchestrator_cycles where state = 'complete' order by started_at desc limit 1) as last_diverged`,
      ),
    ])
  if (row?.shards_left !== 0) return undefined
  return { cycle: toCycle(row), divergence: row.last_diverged ?? {} }
}

/** A cycle whose parts are all done. */
export interface Ending {
  cycle: Cycle
  /** Since when backlogs differed, as the cycle before knew it. */
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
