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
import type { PublishContext } from './run-publish.ts'
import { requireDraft } from './uploads.ts'
import { removeUploads } from './verify-files.ts'

export interface DraftRequest {
  version: string
  channel: Channel
  platforms: string[]
  notes: string | null
}

export type Drafts = ReturnType<typeof createDrafts>

/** Unpublished versions. */
export function createDrafts({ db, store, layout }: PublishContext) {
  return {
    /** Checks before creating a draft that no older publisher put the version into the bucket. @throws STATE_001 */
    async prepareDraft(version: string): Promise<void> {
      if ((await findRelease(db, version)) !== undefined) return
      if ((await withStore(() => store.head(layout.metadata(version)))) !== undefined)
        throw conflict('The store already contains this version')
    },

    /** Creates a draft, or returns the publisher's existing draft of the same content, so that an upload can resume. */
    async create(trx: Knex.Transaction, request: DraftRequest, { principal }: Actor) {
      const created = await insertDraft(trx, { ...request, id: randomUUID(), createdBy: principal.id })
      const release = await lockRelease(trx, request.version)
      if (release === undefined) throw notFound('Draft')
      requireDraft(release, principal.id)
      const same = release.channel === request.channel && sameList(release.platforms, request.platforms)
      if (!same) throw conflict('A draft of this version exists for another channel or other platforms')
      if (!created) await updateRelease(trx, request.version, { notes: request.notes })
      return { created, release, files: await findFiles(trx, request.version) }
    },

    async find(version: string): Promise<{ release: Release; files: ReleaseFile[] }> {
      const release = await findRelease(db, version)
      if (release === undefined) throw notFound('Draft')
      return { release, files: await findFiles(db, version) }
    },

    /** Deletes a draft; the caller then removes its uploads with `removeUploads`. */
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

    removeUploads: ({ id }: Release) => withStore(() => removeUploads({ store, layout }, id)),
  }
}

const sameList = (a: string[], b: string[]) => a.toSorted().join() === b.toSorted().join()
