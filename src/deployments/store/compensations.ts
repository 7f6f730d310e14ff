import type { Knex } from 'knex'
import type { BindingReturn } from '../model/app-state.ts'
import type { StepKey } from '../model/states.ts'

/** How far a rollback is with one step. */
export interface CompensationRow {
  step: StepKey
  status: 'pending' | 'running' | 'completed' | 'failed'
  outcome: Undone | null
  error: { code: string; message: string } | null
}

/** What became of it. */
export interface Undone {
  note: string
  /** Data of this deployment's own went with what it had created. */
  dataGone?: boolean
  /** What serves now; null when the script is gone. */
  restored?: string | null
  /** Several versions share the traffic, as before. */
  shared?: boolean
  /** Secrets and variables that are other than before the rollback. */
  bindings?: BindingReturn
}

/** Begins the list anew: what an earlier rollback did is looked at again, which costs nothing where it holds. */
export async function planCompensations(trx: Knex, deploymentId: string, steps: StepKey[]): Promise<void> {
  await trx('deployment_compensations').where({ deployment_id: deploymentId }).delete()
  if (steps.length === 0) return
  await trx('deployment_compensations').insert(
    steps.map((step, position) => ({ deployment_id: deploymentId, position, step })),
  )
}

export async function findCompensations(db: Knex, deploymentId: string): Promise<CompensationRow[]> {
  return db('deployment_compensations')
    .where({ deployment_id: deploymentId })
    .orderBy('position')
    .select('step', 'status', 'outcome', 'error')
}

export async function updateCompensation(
  trx: Knex,
  about: { deploymentId: string; step: StepKey },
  change: { status: CompensationRow['status']; outcome?: Undone; error?: { code: string; message: string } },
): Promise<void> {
  const { status, outcome, error } = change
  const ended = status === 'completed' || status === 'failed'
  await trx('deployment_compensations')
    .where({ deployment_id: about.deploymentId, step: about.step })
    .update({
      status,
      outcome: outcome === undefined ? null : JSON.stringify(outcome),
      error: error === undefined ? null : JSON.stringify(error),
      started_at: trx.raw('coalesce(started_at, clock_timestamp())'),
      finished_at: ended ? trx.raw('clock_timestamp()') : null,
    })
}

/** What was begun and could not be done. */
export async function failCompensations(
  trx: Knex,
  deploymentId: string,
  error: { code: string; message: string },
): Promise<void> {
  await trx('deployment_compensations')
    .where({ deployment_id: deploymentId, status: 'running' })
    .update({ status: 'failed', error: JSON.stringify(error), finished_at: trx.fn.now() })
}

/** Median seconds of the last hundred rollbacks; undefined when there was none. */
export async function rollbackMedian(db: Knex): Promise<number | undefined> {
  const { rows } = await db.raw(
    `select percentile_cont(0.5) within group (order by seconds) as median from (
       select extract(epoch from max(finished_at) - min(started_at)) as seconds
       from deployment_compensations where status = 'completed'
       group by deployment_id order by max(finished_at) desc limit 100) last`,
  )
  return rows[0].median === null ? undefined : Number(rows[0].median)
}
