import type { Knex } from 'knex'
import { refreshComponents } from './components.ts'

/**
 * Moves times later than `limit`, which a clock that was ahead has recorded, back to it. Otherwise the scopes would accept
 * no reading until then. Intervals keep their order: future ones become the last milliseconds before the limit. The caller
 * holds the locks of the scopes.
 * @returns how many intervals were changed.
 */
export async function correctFutureTimes(
  trx: Knex.Transaction,
  { scopeIds, limit, run }: { scopeIds: number[]; limit: Date; run: number },
): Promise<number> {
  await trx('tracker_scopes')
    .whereIn('id', scopeIds)
    .where('last_seen', '>', limit)
    .update({ last_seen: limit, run })
  const changed = new Set<string>()
  let count = 0
  // In this order the intervals of a component never overlap: the open one, which has no end, comes last.
  for (const which of [
    'i.ended is not null and not o.begins',
    'i.ended is not null and o.begins',
    'i.ended is null',
  ]) {
    const { rows } = await trx.raw(
      `update tracker_intervals i set run = :run,
         first_seen = case when o.begins then o.at - interval '1 millisecond' else i.first_seen end,
         last_seen = case when o.begins then o.at when i.last_seen > :limit then greatest(i.first_seen, o.at)
           else i.last_seen end,
         ended_at = least(i.ended_at, :limit)
       from (
         select id, first_seen > :limit as begins,
           cast(:limit as timestamptz) - interval '2 milliseconds' * count(*) filter (where first_seen > :limit)
             over (partition by component_id order by first_seen desc rows between unbounded preceding and 1 preceding) as at
         from tracker_intervals where component_id in (select id from tracker_components where scope_id = any(:scopeIds))
           and (last_seen > :limit or ended_at > :limit)
       ) o where o.id = i.id and (i.last_seen > :limit or i.ended_at > :limit) and ${which}
       returning i.component_id`,
      { limit, run, scopeIds },
    )
    for (const { component_id } of rows) changed.add(component_id)
    count += rows.length
  }
  const refreshed = [...changed].map((componentId) => ({
    ...{ componentId, watched: undefined, collected: false, rollout: undefined },
  }))
  await refreshComponents(trx, refreshed, run)
  return count
}
