import { allowIdle } from '../../platform/postgres/index.ts'
import { StoreUnreachable } from '../object-store/index.ts'
import { abandonedDrafts, deleteRelease, lockRelease } from '../store/releases.ts'
import type { PublishContext } from './run-publish.ts'
import { removeUploads } from './verify-files.ts'

const draftDays = 7
const maxDraftsPerRun = 20
/** Milliseconds for the removal of one draft's uploads. */
const storeWaitMs = 60_000

/** Removes drafts untouched for a week, and remains of interrupted uploads. @returns the number of removed items */
export async function pruneDrafts(context: PublishContext): Promise<number> {
  try {
    return await prune(context)
  } catch (error) {
    // The next hourly run retries; other housekeeping must not fail with the store.
    if (error instanceof StoreUnreachable) return 0
    throw error
  }
}

async function prune(context: PublishContext): Promise<number> {
  const { db, store, layout } = context
  const versions = await abandonedDrafts(db, draftDays, maxDraftsPerRun)
  for (const version of versions) {
    await db.transaction(async (trx) => {
      const release = await lockRelease(trx, version)
      if (release?.state !== 'draft') return
      await allowIdle(trx, storeWaitMs)
      // Uploads first: without the draft's row nothing would refer to them.
      await removeUploads({ store, layout }, release.id)
      await deleteRelease(trx, version)
    })
  }
  return versions.length + (await store.tidy())
}
