import type { Knex } from 'knex'

/** Marks components that a full push names. Those without the mark are ended afterwards. */
export async function markComponents(
  trx: Knex.Transaction,
  place: { clientName: string; envName: string },
  {
    named,
    mark,
  }: {
    named: { namespace: string; kind: string; workload: string; container: string }[]
    mark: string
  },
): Promise<void> {
  if (named.length === 0) return
  await trx.raw(
    `update tracker_components c set marked = ?
     from tracker_scopes s, json_to_recordset(?) as t (namespace text, kind text, workload text, container text)
     where s.id = c.scope_id and s.client_name = ? and s.env_name = ? and s.namespace = t.namespace
       and c.kind = t.kind and c.workload = t.workload and c.container = t.container`,
    [mark, JSON.stringify(named), place.clientName, place.envName],
  )
}

/** Finds open components that collections have seen and that a full push did not name. */
export async function findUnmarked(
  trx: Knex.Transaction,
  scopeIds: number[],
  mark: string,
): Promise<{ id: string; scopeId: number }[]> {
  const rows = await trx('tracker_components')
    .whereIn('scope_id', scopeIds)
    .where({ collected: true })
    .whereNotNull('interval_id')
    .whereRaw('marked is distinct from ?::uuid', [mark])
    .orderBy('id')
    .select('id', 'scope_id')
  return rows.map((row) => ({ id: row.id, scopeId: row.scope_id }))
}
