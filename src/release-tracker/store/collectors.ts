import type { Knex } from 'knex'
import type { Place } from './scopes.ts'

/** How far a master has heard a collector. */
export interface Collector {
  place: Place
  /** The last run that it has all of; null before the first. */
  acknowledged: { sequence: number; runId: string } | null
}

/**
 * Locks a collector's row until the transaction ends, made if need be: its pushes take turns. The row is the client's,
 * so that nobody can answer for another client's collector.
 */
export async function lockCollector(
  trx: Knex.Transaction,
  collectorId: string,
  place: Place,
): Promise<Collector> {
  const fresh = { collector_id: collectorId, client_name: place.clientName, env_name: place.envName }
  await trx('tracker_collectors').insert(fresh).onConflict(['client_name', 'collector_id']).ignore()
  const row = await trx('tracker_collectors')
    .where({ client_name: place.clientName, collector_id: collectorId })
    .forUpdate()
    .first()
  return {
    place: { clientName: row.client_name, envName: row.env_name },
    acknowledged: row.sequence === null ? null : { sequence: Number(row.sequence), runId: row.run_id },
  }
}

export async function acknowledgeRun(
  trx: Knex.Transaction,
  collectorId: string,
  about: { place: Place; sequence: number; runId: string },
): Promise<void> {
  const { place, sequence, runId } = about
  await trx('tracker_collectors')
    .where({ client_name: place.clientName, collector_id: collectorId })
    .update({ env_name: place.envName, sequence, run_id: runId, pushed_at: trx.fn.now() })
}
