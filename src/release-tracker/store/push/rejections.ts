import type { Knex } from 'knex'
import { type ReasonRow, reasonColumns, summary, type WaitingItems } from './waiting.ts'

/** An item of an environment that the master did not store. */
export interface Rejection {
  item: string
  reason: string
}

interface Place {
  clientName: string
  envName: string
}

/** Rows of one environment. A slave that sends only invalid items must not fill the table. */
const maxRejections = 10_000

/** Keeps up to 10,000 rejections of an environment. @returns how many were not known before, and how many that were known are stored now. */
export async function noteRejections(
  db: Knex,
  place: Place,
  answers: { stored: string[]; rejected: Rejection[] },
): Promise<{ fresh: number; settled: number }> {
  const { stored, rejected } = answers
  const settled =
    stored.length === 0
      ? 0
      : await db('tracker_rejections')
          .where({ client_name: place.clientName, env_name: place.envName })
          .whereRaw('item = any(?)', [stored])
          .delete()
  if (rejected.length === 0) return { fresh: 0, settled }
  const { rows } = await db.raw(
    `insert into tracker_rejections as r (client_name, env_name, item, reason)
     select :clientName, :envName, item, reason from (
       select item, reason, known, row_number() over (partition by known order by item) as n from (
         select distinct on (t.item) t.item, t.reason, k.item is not null as known
         from json_to_recordset(:rejected) as t (item text, reason text)
         left join tracker_rejections k on k.client_name = :clientName and k.env_name = :envName and k.item = t.item
       ) as single
     ) as numbered
     where known or n <= :maxRejections - (select count(*) from tracker_rejections
       where client_name = :clientName and env_name = :envName)
     on conflict (client_name, env_name, item) do update set reason = excluded.reason, last_at = now()
     returning xmax = 0 as fresh`,
    { ...place, maxRejections, rejected: JSON.stringify(rejected) },
  )
  return { fresh: rows.filter((row: { fresh: boolean }) => row.fresh).length, settled }
}

/** A slave retries every few minutes, so a rejected item that was not sent for a day does not wait anywhere any more. */
const keptHours = 24

/** By client and environment; of one client, or of all. */
export async function waitingOfMaster(
  db: Knex,
  clientName: string | undefined,
): Promise<(Place & { waiting: WaitingItems })[]> {
  const { rows } = await db.raw(
    `select client_name, env_name, ${reasonColumns} from tracker_rejections
     where last_at > now() - ? * interval '1 hour' and client_name = coalesce(?, client_name)
     group by client_name, env_name, reason order by 1, 2, 4 desc, 3`,
    [keptHours, clientName ?? null],
  )
  const groups = Map.groupBy(rows as (ReasonRow & Record<'client_name' | 'env_name', string>)[], (row) =>
    JSON.stringify([row.client_name, row.env_name]),
  )
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    const waiting = summary(group)
    return first && waiting ? [{ clientName: first.client_name, envName: first.env_name, waiting }] : []
  })
}

/** @returns how many were removed. */
export function pruneRejections(db: Knex): Promise<number> {
  return db('tracker_rejections').whereRaw("last_at < now() - ? * interval '1 hour'", [keptHours]).delete()
}
