import type { Knex } from 'knex'
import { ownKindNames } from '../kinds.ts'

export interface ComponentKey {
  scopeId: number
  /** The API group of the kind: empty for Kubernetes' own; undefined when whoever tells does not know it. */
  group: string | undefined
  kind: string
  workload: string
  container: string
}

/** A key as a row of a statement's input; `n` says which. */
export const keyRow = ({ scopeId, group, kind, workload, container }: ComponentKey, n: number) => ({
  n,
  scope_id: scopeId,
  api_group: group ?? null,
  kind,
  workload,
  container,
})

/** Makes components exist. The caller holds their scopes' locks. @returns their ids, in order. */
export async function ensureComponents(trx: Knex.Transaction, keys: ComponentKey[]): Promise<string[]> {
  const input = JSON.stringify(keys.map(keyRow))
  if (keys.some(({ group }) => group)) await adopt(trx, input)
  const { rows } = await trx.raw(
    `with told as (
       select * from json_to_recordset(?) as t (n int, scope_id int, api_group text, kind text, workload text, container text)
     ), input as (
       select n, scope_id, kind, workload, container, coalesce(api_group, (
         select c.api_group from tracker_components c
         where (c.scope_id, c.kind, c.workload, c.container) = (told.scope_id, told.kind, told.workload, told.container)
         order by c.interval_id is null, c.api_group limit 1), '') as api_group
       from told
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

/** What people recorded without an API group is the workload that is now seen with one: its history goes on. */
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
