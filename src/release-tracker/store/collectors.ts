import type { Knex } from 'knex'
import type { Place } from './scopes.ts'

/** A master's position for one collector. */
export interface Collector {
  place: Place
  /** The last run that was received completely; null before the first. */
  acknowledged: { sequence: number; runId: string } | null
}

/**
 * Locks a collector's row until the transaction ends, and creates it if needed, so that its pushes take turns. Ids are
 * unique within a client only, so that one client can't use the collector of another.
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
  { place, sequence, runId }: { place: Place; sequence: number; runId: string },
): Promise<void> {
  await trx('tracker_collectors')
    .where({ client_name: place.clientName, collector_id: collectorId })
    .update({ env_name: place.envName, sequence, run_id: runId, pushed_at: trx.fn.now() })
}
