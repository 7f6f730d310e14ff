import { allowIdle } from '../../platform/postgres/index.ts'
import { StoreUnreachable } from '../object-store/index.ts'
import { abandonedDrafts, deleteRelease, lockRelease } from '../store/releases.ts'
import type { PublishEngine } from './run-publish.ts'
import { removeUploads } from './verify-files.ts'

const draftDays = 7
const atOnce = 20
/** Milliseconds for the removal of one draft's uploads. */
const storeWaitMs = 60_000

/** Removes drafts that nobody has touched for a week, and what a folder as a store was left with. */
export async function pruneDrafts(engine: PublishEngine): Promise<number> {
  try {
    return await prune(engine)
  } catch (error) {
    // The next hour is as good, and other housekeeping must not wait for the store.
    if (error instanceof StoreUnreachable) return 0
    throw error
  }
}

async function prune(engine: PublishEngine): Promise<number> {
  const { db, store, layout } = engine
  const versions = await abandonedDrafts(db, draftDays, atOnce)
  for (const version of versions) {
    await db.transaction(async (trx) => {
      const release = await lockRelease(trx, version)
      if (release?.state !== 'draft') return
      await allowIdle(trx, storeWaitMs)
      // First: a draft that is forgotten leaves nobody who knows of its uploads.
      await removeUploads({ store, layout }, release.id)
      await deleteRelease(trx, version)
    })
  }
  return versions.length + (await store.tidy())
}
