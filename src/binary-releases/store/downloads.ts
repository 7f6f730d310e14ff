import type { Knex } from 'knex'

export interface IssuedLink {
  version: string
  platform: string
  principal: string
  name: string
  address: string
  correlationId: string
}

/**
 * Records links that are about to be given out, and counts them: one round trip for a whole batch.
 * @returns for each whether it may be; false when its version was yanked, and then nothing is recorded of it.
 */
export async function recordLinks(db: Knex, links: IssuedLink[]): Promise<boolean[]> {
  const column = (pick: (link: IssuedLink) => string) => links.map(pick)
  const { rows } = await db.raw(
    `with asked as (
       select * from unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[])
         as link (version, platform, principal, name, address, correlation_id)
     ), yanked as (
       select version from release_yanks where version in (select version from asked)
     ), kept as (
       insert into release_downloads (version, platform, principal, name, address, correlation_id)
       select * from asked where version not in (select version from yanked)
     ), counted as (
       insert into release_download_counts as known (version, platform, links)
       select version, platform, count(*) from asked where version not in (select version from yanked)
       -- Sorted, so that two batches never wait for each other's rows.
       group by version, platform order by version, platform
       on conflict (version, platform) do update set links = known.links + excluded.links
     )
     select version from yanked`,
    [
      column((link) => link.version),
      column((link) => link.platform),
      column((link) => link.principal),
      column((link) => link.name),
      column((link) => link.address),
      column((link) => link.correlationId),
    ],
  )
  const yanked = new Set(rows.map((row: { version: string }) => row.version))
  return links.map((link) => !yanked.has(link.version))
}

export async function readCounts(db: Knex, version: string): Promise<Record<string, number>> {
  const rows = await db('release_download_counts').where({ version }).orderBy('platform').select()
  return Object.fromEntries(rows.map((row) => [row.platform, Number(row.links)]))
}
