import type { Knex } from 'knex'
import type { UploadedPart } from '../object-store/index.ts'
import type { ReleaseFile } from './releases.ts'

const columns = ['platform', 'size', 'sha256', 'state', 'attempt', { uploadId: 'upload_id' }, 'parts']

const fromRow = (row: Omit<ReleaseFile, 'size'> & { size: string }): ReleaseFile => ({
  ...row,
  size: Number(row.size),
})

export async function findFiles(db: Knex, version: string): Promise<ReleaseFile[]> {
  const rows = await db('binary_release_files').where({ version }).orderBy('platform').select(columns)
  return rows.map(fromRow)
}

export async function findFile(
  db: Knex,
  version: string,
  platform: string,
): Promise<ReleaseFile | undefined> {
  const row = await db('binary_release_files').where({ version, platform }).first(columns)
  return row === undefined ? undefined : fromRow(row)
}

export type Declared = Pick<ReleaseFile, 'platform' | 'size' | 'sha256'>

/** Declares a file of a draft; a different size or checksum starts a new upload. */
export async function declareFile(trx: Knex, version: string, declared: Declared): Promise<void> {
  await trx.raw(
    `insert into binary_release_files as known (version, platform, size, sha256) values (?, ?, ?, ?)
     on conflict (version, platform) do update
       set size = excluded.size, sha256 = excluded.sha256, state = 'pending', upload_id = null, parts = '{}',
         attempt = known.attempt + 1
       where (known.size, known.sha256) is distinct from (excluded.size, excluded.sha256)`,
    [version, declared.platform, declared.size, declared.sha256],
  )
}

/** Discards an invalid upload: the next one gets a new key. */
export async function restartFile(trx: Knex, version: string, platform: string): Promise<void> {
  await trx('binary_release_files')
    .where({ version, platform })
    .update({ state: 'pending', upload_id: null, parts: '{}', attempt: trx.raw('attempt + 1') })
}

/** @returns false if another request started an upload meanwhile */
export async function beginParts(
  db: Knex,
  version: string,
  file: { platform: string; attempt: number; uploadId: string },
): Promise<boolean> {
  const { platform, attempt, uploadId } = file
  const changed = await db('binary_release_files')
    .where({ version, platform, attempt })
    .whereNull('upload_id')
    .update({ upload_id: uploadId })
  return changed > 0
}

export async function recordParts(
  db: Knex,
  version: string,
  file: { platform: string; attempt: number; parts: UploadedPart[] },
): Promise<void> {
  const { platform, attempt, parts } = file
  const etags = Object.fromEntries(parts.map(({ number, etag }) => [number, etag]))
  await db('binary_release_files')
    .where({ version, platform, attempt })
    .update({ parts: db.raw('parts || ?::jsonb', [JSON.stringify(etags)]) })
}

export async function markUploaded(
  db: Knex,
  version: string,
  file: { platform: string; attempt: number },
): Promise<void> {
  const { platform, attempt } = file
  await db('binary_release_files').where({ version, platform, attempt }).update({ state: 'uploaded' })
}

/** File sizes of a published version, by platform; undefined if this service did not publish it. */
export async function publishedSizes(db: Knex, version: string): Promise<Record<string, number> | undefined> {
  const rows = await db('binary_release_files as file')
    .join('binary_releases as release', 'release.version', 'file.version')
    .where({ 'file.version': version })
    .whereIn('release.state', ['sealed', 'published'])
    .select('file.platform', 'file.size')
  if (rows.length === 0) return undefined
  return Object.fromEntries(rows.map((row) => [row.platform, Number(row.size)]))
}
