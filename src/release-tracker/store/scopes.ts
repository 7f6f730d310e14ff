import type { Knex } from 'knex'

/** One namespace of one client's environment. */
export interface Scope {
  id: number
  namespace: string
  /** When a collection last read it completely. */
  lastSeen: Date | null
}

export interface Place {
  clientName: string
  envName: string
}

/**
 * Creates missing scopes and locks them until the transaction ends, so that writers of a namespace take turns. Locks are
 * taken in order, so that two writers never wait for each other.
 */
export async function lockScopes(
  trx: Knex.Transaction,
  { clientName, envName }: Place,
  namespaces: string[],
): Promise<Map<string, Scope>> {
  const where = { client_name: clientName, env_name: envName }
  const find = () =>
    trx('tracker_scopes').where(where).whereIn('namespace', namespaces).orderBy('id').forUpdate()
  let rows = await find()
  if (rows.length < new Set(namespaces).size) {
    const missing = new Set(namespaces).difference(new Set(rows.map((row) => row.namespace)))
    const fresh = [...missing].toSorted().map((namespace) => ({ ...where, namespace }))
    await trx('tracker_scopes').insert(fresh).onConflict().ignore()
    rows = await find()
  }
  return new Map(
    rows.map((row) => [row.namespace, { id: row.id, namespace: row.namespace, lastSeen: row.last_seen }]),
  )
}

/** Records when scopes were read. A late reading never moves the time back. */
export async function touchScopes(
  trx: Knex.Transaction,
  readings: { scopeId: number; at: Date }[],
  run: number,
): Promise<void> {
  if (readings.length === 0) return
  await trx.raw(
    `update tracker_scopes s set last_seen = greatest(s.last_seen, t.at), run = ?
     from unnest(?::int[], ?::timestamptz[]) as t (id, at) where s.id = t.id`,
    [run, readings.map(({ scopeId }) => scopeId), readings.map(({ at }) => at)],
  )
}

/** The namespaces of an environment in which a collection has seen something. */
export async function collectedNamespaces(db: Knex, { clientName, envName }: Place): Promise<string[]> {
  const rows = await db('tracker_scopes')
    .where({ client_name: clientName, env_name: envName })
    .whereNotNull('last_seen')
    .select('namespace')
  return rows.map((row) => row.namespace)
}

/** Serialises requests for a collection, so that the second request finds the job of the first. */
export async function lockCollecting(trx: Knex.Transaction): Promise<void> {
  await trx.raw("select pg_advisory_xact_lock(hashtext('tracker:collect'))")
}
