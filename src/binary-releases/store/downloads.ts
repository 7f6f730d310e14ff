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
 * Records and counts links before they are issued, in one round trip per batch.
 * @returns whether each link may be issued; false, with nothing recorded, if its version was withdrawn
 */
export async function recordLinks(db: Knex, links: IssuedLink[]): Promise<boolean[]> {
  const column = (pick: (link: IssuedLink) => string) => links.map(pick)
  const { rows } = await db.raw('select version from record_download_links(?, ?, ?, ?, ?, ?)', [
    column((link) => link.version),
    column((link) => link.platform),
    column((link) => link.principal),
    column((link) => link.name),
    column((link) => link.address),
    column((link) => link.correlationId),
  ])
  const yanked = new Set(rows.map((row: { version: string }) => row.version))
  return links.map((link) => !yanked.has(link.version))
}

/** The number of issued links by platform. */
export async function readCounts(db: Knex, version: string): Promise<Record<string, number>> {
  const rows = await db('release_download_counts').where({ version }).orderBy('platform').select()
  return Object.fromEntries(rows.map((row) => [row.platform, Number(row.links)]))
}
