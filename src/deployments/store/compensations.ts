import type { Knex } from 'knex'
import type { BindingReturn } from '../model/app-state.ts'
import type { StepKey } from '../model/states.ts'

/** The progress of a rollback for one step. */
export interface CompensationRow {
  step: StepKey
  status: 'pending' | 'running' | 'completed' | 'failed'
  outcome: UndoResult | null
  error: { code: string; message: string } | null
}

/** The result of undoing a step. */
export interface UndoResult {
  note: string
  /** True if data that the deployment had created was deleted. */
  dataGone?: boolean
  /** The version that serves now; null if the script was deleted. */
  restored?: string | null
  /** True if several versions share the traffic, as before the deployment. */
  shared?: boolean
  /** The secrets and variables that the rollback changes. */
  bindings?: BindingReturn
}

/** Replaces the list of steps to undo. Steps that an earlier rollback has undone are checked again. */
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
  key: { deploymentId: string; step: StepKey },
  change: {
    status: CompensationRow['status']
    outcome?: UndoResult
    error?: { code: string; message: string }
  },
): Promise<void> {
  const { status, outcome, error } = change
  const ended = status === 'completed' || status === 'failed'
  await trx('deployment_compensations')
    .where({ deployment_id: key.deploymentId, step: key.step })
    .update({
      status,
      outcome: outcome === undefined ? null : JSON.stringify(outcome),
      error: error === undefined ? null : JSON.stringify(error),
      started_at: trx.raw('coalesce(started_at, clock_timestamp())'),
      finished_at: ended ? trx.raw('clock_timestamp()') : null,
    })
}

/** Marks the running steps of a rollback as failed. */
export async function failCompensations(
  trx: Knex,
  deploymentId: string,
  error: { code: string; message: string },
): Promise<void> {
  await trx('deployment_compensations')
    .where({ deployment_id: deploymentId, status: 'running' })
    .update({ status: 'failed', error: JSON.stringify(error), finished_at: trx.fn.now() })
}

/** The median seconds of the last hundred rollbacks; undefined if there were none. */
export async function rollbackMedian(db: Knex): Promise<number | undefined> {
  const { rows } = await db.raw(
    `select percentile_cont(0.5) within group (order by seconds) as median from (
       select extract(epoch from max(finished_at) - min(started_at)) as seconds
       from deployment_compensations where status = 'completed'
       group by deployment_id order by max(finished_at) desc limit 100) last`,
  )
  return rows[0].median === null ? undefined : Number(rows[0].median)
}
