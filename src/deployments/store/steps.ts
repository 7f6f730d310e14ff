import type { Knex } from 'knex'
import type { StepKey } from '../model/states.ts'

export interface Step {
  step: StepKey
  status: 'pending' | 'running' | 'completed' | 'failed'
  skipped: boolean
  attempt: number
  error: { code: string; message: string } | null
  startedAt: Date | null
  finishedAt: Date | null
}

export async function insertSteps(trx: Knex, deploymentId: string, steps: StepKey[]): Promise<void> {
  await trx('deployment_steps').insert(
    steps.map((step, position) => ({ deployment_id: deploymentId, position, step })),
  )
}

export async function findSteps(db: Knex, deploymentId: string): Promise<Step[]> {
  const rows = await db('deployment_steps').where({ deployment_id: deploymentId }).orderBy('position')
  return rows.map((row) => ({
    step: row.step,
    status: row.status,
    skipped: row.skipped,
    attempt: row.attempt,
    error: row.error,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  }))
}

/** Starts an attempt of a step. @returns false if the same attempt has already started and continues */
export async function startStep(
  trx: Knex,
  id: string,
  run: { step: StepKey; attempt: number },
): Promise<boolean> {
  const started = await trx('deployment_steps')
    .where({ deployment_id: id, step: run.step })
    .whereRaw(`(status, attempt) is distinct from ('running', ?)`, [run.attempt])
    .update({
      status: 'running',
      attempt: run.attempt,
      error: null,
      started_at: trx.raw('coalesce(started_at, clock_timestamp())'),
      finished_at: null,
    })
  return started > 0
}

/** Resets a failed step for a retry. Its number of attempts is kept. */
export async function reopenStep(trx: Knex, id: string, step: StepKey): Promise<void> {
  await trx('deployment_steps')
    .where({ deployment_id: id, step, status: 'failed' })
    .update({ status: 'pending', error: null, started_at: null, finished_at: null })
}

export async function endStep(
  trx: Knex,
  id: string,
  end: {
    step: StepKey
    status: 'completed' | 'failed'
    skipped?: boolean
    error?: { code: string; message: string }
  },
): Promise<void> {
  await trx('deployment_steps')
    .where({ deployment_id: id, step: end.step })
    .update({
      status: end.status,
      skipped: end.skipped ?? false,
      error: end.error === undefined ? null : JSON.stringify(end.error),
      finished_at: trx.raw('clock_timestamp()'),
    })
}

/** The median seconds of the last hundred completed runs of each given step; without steps that never ran. */
export async function stepMedians(db: Knex, wanted: StepKey[]): Promise<Map<StepKey, number>> {
  if (wanted.length === 0) return new Map()
  const { rows } = await db.raw(
    `select s.step, percentile_cont(0.5) within group (order by s.seconds) as median
     from unnest(?::text[]) as t (step) cross join lateral (
       select step, extract(epoch from finished_at - started_at) as seconds from deployment_steps
       where step = t.step and status = 'completed' and started_at is not null
       order by finished_at desc limit 100) s
     group by s.step`,
    [wanted],
  )
  return new Map(rows.map((row: { step: StepKey; median: number }) => [row.step, Number(row.median)]))
}
