import type { Knex } from 'knex'
import type { KindName } from '../../kinds.ts'
import type { Place } from '../scopes.ts'

export interface BadgeKey extends Place {
  kind: KindName
  workload: string
  container: string
  namespace: string | undefined
}

/** Finds the image of each component and in how many namespaces it runs, in one round trip. */
export async function findForBadges(
  db: Knex,
  keys: BadgeKey[],
): Promise<{ tag: string; sha: string | null; found: number }[]> {
  const input = keys.map((key, n) => ({
    n,
    client: key.clientName,
    env: key.envName,
    kind: key.kind.kind,
    api_group: key.kind.group ?? null,
    workload: key.workload,
    container: key.container,
    namespace: key.namespace ?? null,
  }))
  const { rows } = await db.raw(
    // The lateral join looks up each key by itself. A flat join would scan both tables for a few keys.
    `select i.n, found.*
     from json_to_recordset(?) as i (n int, client text, env text, api_group text, kind text, workload text,
       container text, namespace text)
     cross join lateral (
       select min(image_tag) as tag, min(image_sha) as sha, count(*)::int as found from (
         select c.image_tag, c.image_sha, rank() over (order by c.api_group <> '') as preferred
         from tracker_scopes s
         join tracker_components c on c.scope_id = s.id and c.kind = i.kind and c.workload = i.workload
           and c.container = i.container and c.interval_id is not null
         where s.client_name = i.client and s.env_name = i.env and (i.namespace is null or s.namespace = i.namespace)
           and (i.api_group is null or c.api_group = i.api_group)
       ) c where preferred = 1
     ) found`,
    [JSON.stringify(input)],
  )
  const found = keys.map(() => ({ tag: '', sha: '', found: 0 }))
  for (const { n, ...rest } of rows) found[n] = rest
  return found
}

/** Whether any workload of this kind was ever recorded for a client. */
export async function isKindRecorded(
  db: Knex,
  clientName: string,
  { kind, group }: KindName,
): Promise<boolean> {
  const found = await db('tracker_scopes as s')
    .join('tracker_components as c', 'c.scope_id', 's.id')
    .where({
      's.client_name': clientName,
      'c.kind': kind,
      ...(group === undefined ? {} : { 'c.api_group': group }),
    })
    .first('c.id')
  return found !== undefined
}
