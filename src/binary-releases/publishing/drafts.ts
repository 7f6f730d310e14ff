import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { conflict, notFound } from '../../platform/errors.ts'
import type { Channel } from '../catalogue/metadata.ts'
import { withStore } from '../errors.ts'
import { recordAudit } from '../store/audit.ts'
import { findFiles } from '../store/files.ts'
import {
  deleteRelease,
  findRelease,
  insertDraft,
  lockRelease,
  type Release,
  type ReleaseFile,
  updateRelease,
} from '../store/releases.ts'
import type { Actor } from './actions.ts'
import type { PublishEngine } from './run-publish.ts'
import { requireDraft } from './uploads.ts'
import { removeUploads } from './verify-files.ts'

export interface DraftRequest {
  version: string
  channel: Channel
  platforms: string[]
  notes: string | null
}

export type Drafts = ReturnType<typeof createDrafts>

/** Versions before they are published. */
export function createDrafts({ db, store, layout }: PublishEngine) {
  return {
    /** Before a draft: what an older publisher has put into the bucket is taken, too. @throws STATE_001 */
    async prepareDraft(version: string): Promise<void> {
      if ((await findRelease(db, version)) !== undefined) return
      if ((await withStore(() => store.head(layout.metadata(version)))) !== undefined)
        throw conflict('This version is in the store already')
    },

    /** The same draft asked for again by the same publisher is that draft, so that an upload can go on. */
    async draft(trx: Knex.Transaction, asked: DraftRequest, { principal }: Actor) {
      const made = await insertDraft(trx, { ...asked, id: randomUUID(), createdBy: principal.id })
      const release = await lockRelease(trx, asked.version)
      if (release === undefined) throw notFound('Draft')
      requireDraft(release, principal.id)
      const same = release.channel === asked.channel && sameList(release.platforms, asked.platforms)
      if (!same) throw conflict('There is a draft of this version for another channel or other platforms')
      if (!made) await updateRelease(trx, asked.version, { notes: asked.notes })
      return { made, release, files: await findFiles(trx, asked.version) }
    },

    async find(version: string): Promise<{ release: Release; files: ReleaseFile[] }> {
      const release = await findRelease(db, version)
      if (release === undefined) throw notFound('Draft')
      return { release, files: await findFiles(db, version) }
    },

    /** `forget` then removes what was uploaded for it. */
    async discard(
      trx: Knex.Transaction,
      version: string,
      { principal, correlationId }: Actor,
    ): Promise<Release> {
      const release = await lockRelease(trx, version)
      if (release === undefined) throw notFound('Draft')
      requireDraft(release, principal.isAdmin ? release.createdBy : principal.id)
      await deleteRelease(trx, version)
      await recordAudit(trx, {
        principal: principal.id,
        action: 'release.discard',
        target: version,
        correlationId,
      })
      return release
    },

    forget: ({ id }: Release) => withStore(() => removeUploads({ store, layout }, id)),
  }
}

const sameList = (a: string[], b: string[]) => a.toSorted().join() === b.toSorted().join()
