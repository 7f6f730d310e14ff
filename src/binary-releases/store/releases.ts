import type { Knex } from 'knex'
import type { Channel } from '../catalogue/metadata.ts'

export type ReleaseState = 'draft' | 'publishing' | 'sealed' | 'published'

export interface Release {
  version: string
  id: string
  channel: Channel
  state: ReleaseState
  platforms: string[]
  notes: string | null
  releasedAt: Date | null
  jobId: string | null
  error: { code: string; message: string } | null
  createdBy: string
  createdAt: Date
  publishedAt: Date | null
}

export interface ReleaseFile {
  platform: string
  size: number
  sha256: string
  state: 'pending' | 'uploaded'
  attempt: number
  uploadId: string | null
  parts: Record<string, string>
}

const releaseColumns = {
  version: 'version',
  id: 'id',
  channel: 'channel',
  state: 'state',
  platforms: 'platforms',
  notes: 'notes',
  error: 'error',
  releasedAt: 'released_at',
  jobId: 'job_id',
  createdBy: 'created_by',
  createdAt: 'created_at',
  publishedAt: 'published_at',
}

/** @returns false if the version already exists */
export async function insertDraft(
  trx: Knex,
  draft: Pick<Release, 'version' | 'id' | 'channel' | 'platforms' | 'notes' | 'createdBy'>,
): Promise<boolean> {
  const { version, id, channel, platforms, notes, createdBy } = draft
  const row = { version, id, channel, platforms, notes, created_by: createdBy }
  const inserted = await trx('binary_releases')
    .insert(row)
    .onConflict('version')
    .ignore()
    .returning('version')
  return inserted.length > 0
}

export async function findRelease(db: Knex, version: string): Promise<Release | undefined> {
  return db('binary_releases').where({ version }).first(releaseColumns)
}

/** Reads the release and locks its row until the transaction ends. */
export async function lockRelease(trx: Knex.Transaction, version: string): Promise<Release | undefined> {
  return trx('binary_releases').where({ version }).forUpdate().first(releaseColumns)
}

export interface ReleaseChange {
  state?: ReleaseState
  releasedAt?: Date
  jobId?: string
  error?: { code: string; message: string } | null
  notes?: string | null
  published?: true
}

export async function updateRelease(trx: Knex, version: string, change: ReleaseChange): Promise<void> {
  const { state, releasedAt, jobId, error, notes, published } = change
  await trx('binary_releases')
    .where({ version })
    .update({
      touched_at: trx.fn.now(),
      ...(state === undefined ? {} : { state }),
      ...(releasedAt === undefined ? {} : { released_at: releasedAt }),
      ...(jobId === undefined ? {} : { job_id: jobId }),
      ...(error === undefined ? {} : { error: error === null ? null : JSON.stringify(error) }),
      ...(notes === undefined ? {} : { notes }),
      ...(published === undefined ? {} : { published_at: trx.fn.now() }),
    })
}

export async function deleteRelease(trx: Knex, version: string): Promise<void> {
  await trx('binary_releases').where({ version }).delete()
}

/** Release notes of published versions, for a list. */
export async function findPublished(
  db: Knex,
  versions: string[],
): Promise<Pick<Release, 'version' | 'notes'>[]> {
  return db('binary_releases')
    .whereIn('version', versions)
    .where({ state: 'published' })
    .select('version', 'notes')
}

/** The drafts without a change for this number of days, oldest first. */
export async function abandonedDrafts(db: Knex, days: number, limit: number): Promise<string[]> {
  const rows = await db('binary_releases')
    .where({ state: 'draft' })
    .whereRaw('touched_at < now() - make_interval(days => ?)', [days])
    .orderBy('touched_at')
    .limit(limit)
    .select('version')
  return rows.map((row) => row.version)
}
