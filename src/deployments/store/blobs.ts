import { createHash, randomUUID } from 'node:crypto'
import type { Knex } from 'knex'

/** The size of a stored chunk, and so of the memory that reading or writing a blob needs. */
const chunkBytes = 1024 * 1024

/** An upload that is larger than its limit. */
export class BlobTooLarge extends Error {
  override name = 'BlobTooLarge'
}

/**
 * Stores content as it arrives. No transaction is open meanwhile, so that slow clients hold no connection; what a
 * broken upload leaves behind is removed later.
 * @returns false, and stores nothing, if the content does not have the digest
 * @throws BlobTooLarge
 */
export async function writeBlob(
  db: Knex,
  digest: string,
  { content, limit, createdBy }: { content: AsyncIterable<Uint8Array>; limit: number; createdBy: string },
): Promise<boolean> {
  const uploadId = randomUUID()
  const hash = createHash('sha256')
  let size = 0
  let position = 0
  try {
    for await (const bytes of inChunks(content)) {
      size += bytes.length
      if (size > limit) throw new BlobTooLarge()
      hash.update(bytes)
      await db('deployment_blob_chunks').insert({ upload_id: uploadId, position, bytes })
      position += 1
    }
    const matches = hash.digest('hex') === digest
    const isNew = matches && (await insertBlob(db, { digest, size, uploadId, createdBy }))
    if (!isNew) await dropChunks(db, uploadId)
    return matches
  } catch (error) {
    await dropChunks(db, uploadId)
    throw error
  }
}

/** @returns false if the blob exists already */
async function insertBlob(
  db: Knex,
  blob: { digest: string; size: number; uploadId: string; createdBy: string },
): Promise<boolean> {
  const { digest, size, uploadId, createdBy } = blob
  const row = { digest, size, upload_id: uploadId, created_by: createdBy }
  const [kept] = await db('deployment_blobs')
    .insert(row)
    .onConflict('digest')
    .merge({ used_at: db.fn.now() })
    .returning('upload_id')
  return kept.upload_id === uploadId
}

const dropChunks = (db: Knex, uploadId: string) =>
  db('deployment_blob_chunks').where({ upload_id: uploadId }).delete()

async function* inChunks(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let waiting: Uint8Array[] = []
  let bytes = 0
  for await (const part of content) {
    for (let from = 0; from < part.length; ) {
      const piece = part.subarray(from, from + chunkBytes - bytes)
      waiting.push(piece)
      bytes += piece.length
      from += piece.length
      if (bytes < chunkBytes) continue
      yield Buffer.concat(waiting)
      waiting = []
      bytes = 0
    }
  }
  if (bytes > 0) yield Buffer.concat(waiting)
}

/** The sizes in bytes of the given blobs that exist. Marks them as used, so that none is removed meanwhile. */
export async function findBlobSizes(db: Knex, digests: string[]): Promise<Map<string, number>> {
  const { rows } = await db.raw(
    `with found as (select digest from deployment_blobs where digest = any(?) order by digest for no key update)
     update deployment_blobs b set used_at = now() from found where b.digest = found.digest
     returning b.digest, b.size`,
    [digests],
  )
  return new Map(rows.map(({ digest, size }: { digest: string; size: string }) => [digest, Number(size)]))
}

/** Reads a blob chunk by chunk. @throws if it does not exist */
export async function* readBlob(db: Knex, digest: string): AsyncGenerator<Buffer> {
  for (let position = 0, read = 0; ; position++) {
    const row = await db('deployment_blobs as b')
      .leftJoin('deployment_blob_chunks as c', (on) => {
        on.on('c.upload_id', 'b.upload_id').andOnVal('c.position', position)
      })
      .where({ 'b.digest': digest })
      .first('b.size', 'c.bytes')
    if (row === undefined) throw new Error('A blob of a plan is missing')
    if (row.bytes === null) {
      if (read === Number(row.size)) return
      throw new Error('A blob of a plan is incomplete')
    }
    read += row.bytes.length
    yield row.bytes
    if (read === Number(row.size)) return
  }
}

/** Links a plan to its blobs, which must exist. */
export async function linkBlobs(trx: Knex, planId: string, digests: string[]): Promise<void> {
  if (digests.length === 0) return
  await trx.raw('insert into plan_blobs (plan_id, digest) select ?::uuid, * from unnest(?::text[])', [
    planId,
    [...new Set(digests)].toSorted(),
  ])
}

/** Lets the content of a deleted app be removed. Content of other apps is the same blob, and stays. */
export async function unlinkBlobs(trx: Knex, app: string, environment: string): Promise<void> {
  const plans = trx('plans').where({ app, environment }).whereIn('id', trx('deployments').select('id'))
  await trx('plan_blobs').whereIn('plan_id', plans.select('id')).delete()
}

/**
 * Lets the content of deployments be removed that ended a day ago without success. The newest one of an app stays as it is if it
 * failed, because it can be retried.
 */
async function releaseBlobs(db: Knex): Promise<void> {
  await db.raw(
    `delete from plan_blobs where plan_id in (
       select d.id from deployments d
       where d.status in ('failed', 'cancelled', 'rolled_back', 'rollback_failed') and not d.dry_run
         and d.finished_at < now() - interval '1 day'
         and exists (select from plan_blobs b where b.plan_id = d.id)
         and (d.status <> 'failed' or exists (
           select from deployments n where n.app = d.app and n.environment = d.environment and not n.dry_run
             and n.number > d.number))
       limit 100)`,
  )
}

/**
 * Deletes blobs that nobody used for a day and no plan refers to, except plans whose deployment has failed for good.
 * @returns the number of blobs
 */
export async function pruneBlobs(db: Knex): Promise<number> {
  await releaseBlobs(db)
  const { rows } = await db.raw(
    `with gone as (
       delete from deployment_blobs where digest in (
         select b.digest from deployment_blobs b where b.used_at < now() - interval '1 day'
           and not exists (select from plan_blobs p where p.digest = b.digest) limit 1000 for update skip locked)
       returning upload_id)
     , chunks as (delete from deployment_blob_chunks where upload_id in (select upload_id from gone))
     select count(*) as count from gone`,
  )
  await db.raw(
    `delete from deployment_blob_chunks c where c.created_at < now() - interval '1 day'
       and not exists (select from deployment_blobs b where b.upload_id = c.upload_id)`,
  )
  return Number(rows[0].count)
}
