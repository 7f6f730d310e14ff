import type { Knex } from 'knex'
import { ownKindNames } from '../kinds.ts'

export interface ComponentKey {
  scopeId: number
  /** The API group of the kind: empty for Kubernetes' own kinds; undefined if the source does not know it. */
  group: string | undefined
  kind: string
  workload: string
  container: string
}

/** A key as an input row of a statement; `n` is its index. */
export const keyRow = ({ scopeId, group, kind, workload, container }: ComponentKey, n: number) => ({
  n,
  scope_id: scopeId,
  api_group: group ?? null,
  kind,
  workload,
  container,
})

/** Creates missing components. The caller holds the locks of their scopes. @returns their ids, in order. */
export async function ensureComponents(trx: Knex.Transaction, keys: ComponentKey[]): Promise<string[]> {
  const input = JSON.stringify(keys.map(keyRow))
  if (keys.some(({ group }) => group)) await adopt(trx, input)
  const { rows } = await trx.raw(
    `with given as (
       select * from json_to_recordset(?) as t (n int, scope_id int, api_group text, kind text, workload text, container text)
     ), input as (
       select n, scope_id, kind, workload, container, coalesce(api_group, (
         select c.api_group from tracker_components c
         where (c.scope_id, c.kind, c.workload, c.container) = (given.scope_id, given.kind, given.workload, given.container)
         order by c.interval_id is null, c.api_group limit 1), '') as api_group
       from given
     ), made as (
       insert into tracker_components (scope_id, api_group, kind, workload, container)
       select distinct scope_id, api_group, kind, workload, container from input
       on conflict do nothing returning id, scope_id, api_group, kind, workload, container
     ), known as (
       select * from made
       union all
       select c.id, c.scope_id, c.api_group, c.kind, c.workload, c.container from tracker_components c
       join input using (scope_id, api_group, kind, workload, container)
     )
     select distinct on (n) n, known.id
     from input join known using (scope_id, api_group, kind, workload, container) order by n`,
    [input],
  )
  return rows.map((row: { id: string }) => row.id)
}

/** A workload that people recorded without an API group keeps its history when it is observed with a group. */
async function adopt(trx: Knex.Transaction, input: string): Promise<void> {
  await trx.raw(
    `with input as (
       select * from json_to_recordset(?) as t (n int, scope_id int, api_group text, kind text, workload text, container text)
     )
     update tracker_components c set api_group = i.api_group
     from (select distinct on (scope_id, kind, workload, container) * from input where api_group <> ''
       order by scope_id, kind, workload, container, api_group) i
     where (c.scope_id, c.kind, c.workload, c.container) = (i.scope_id, i.kind, i.workload, i.container)
       and c.api_group = '' and not c.collected and c.kind <> all(?::text[])
       and not exists (select from input j where j.api_group = ''
         and (j.scope_id, j.kind, j.workload, j.container) = (i.scope_id, i.kind, i.workload, i.container))
       and not exists (select from tracker_components d where d.api_group = i.api_group
         and (d.scope_id, d.kind, d.workload, d.container) = (i.scope_id, i.kind, i.workload, i.container))`,
    [input, ownKindNames],
  )
}
