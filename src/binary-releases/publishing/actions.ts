import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { databaseTime } from '../../platform/clock.ts'
import { conflict, notFound } from '../../platform/errors.ts'
import type { Enqueue } from '../../platform/jobs/index.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Channel } from '../catalogue/metadata.ts'
import { withStore } from '../errors.ts'
import { pointerJob, publishJob } from '../jobs.ts'
import { recordAudit } from '../store/audit.ts'
import { findYank, insertYank, type Yank } from '../store/channels.ts'
import { findFiles } from '../store/files.ts'
import { findRelease, lockRelease, type Release, type ReleaseFile, updateRelease } from '../store/releases.ts'
import { fallBack, moveChannel, type Pointers, readPointers } from './channel-moves.ts'
import { noSigningKey, type PublishContext } from './run-publish.ts'
import { requireDraft } from './uploads.ts'

export interface PublishingOptions {
  context: PublishContext
  catalogue: Catalogue
  enqueue: Enqueue
}

export interface Actor {
  principal: Principal
  correlationId: string
}

export type Publishing = ReturnType<typeof createPublishing>

/**
 * The actions of publishers. Reads of the store happen before the transaction (`prepare...`, `pointers`); the
 * transaction then decides by the state of the database.
 */
export function createPublishing({ context, catalogue, enqueue }: PublishingOptions) {
  const { store, layout } = context

  /** Passes for a version published by this service or found in the bucket. @throws STATE_001 for a draft */
  async function requirePublished(trx: Knex, version: string): Promise<void> {
    const release = await findRelease(trx, version)
    if (release !== undefined && release.state !== 'published')
      throw conflict('This version is not published yet')
  }

  function enqueuePointerJob(
    trx: Knex.Transaction,
    channel: Channel,
    { principal, correlationId }: Actor,
  ): Promise<string> {
    const options = { subject: `release-channel:${channel}`, owner: principal.id, correlationId }
    return enqueue(trx, pointerJob, { payload: { channel }, ...options })
  }

  return {
    pointers: () => withStore(() => readPointers(store, layout)),

    /** @returns the id of the job that verifies and publishes. @throws STATE_001 if files are missing */
    async publish(
      trx: Knex.Transaction,
      version: string,
      { principal, correlationId }: Actor,
    ): Promise<string> {
      if (context.key() === undefined) throw noSigningKey()
      const release = await lockRelease(trx, version)
      if (release === undefined) throw notFound('Draft')
      // Sealed with an error: an earlier job gave up after the metadata may have been written.
      const resumes = release.state === 'sealed' && release.error !== null
      if (!resumes) {
        requireDraft(release, principal.id)
        requireFiles(release, await findFiles(trx, version))
      }
      const options = { subject: `release:${version}`, owner: principal.id, correlationId }
      const jobId = await enqueue(trx, publishJob, { payload: { version, by: principal.id }, ...options })
      const start = resumes ? {} : ({ state: 'publishing', releasedAt: await databaseTime(trx) } as const)
      await updateRelease(trx, version, { ...start, jobId, error: null })
      return jobId
    },

    async promote(
      trx: Knex.Transaction,
      request: { version: string; channel: Channel; pointers: Pointers },
      actor: Actor,
    ): Promise<{ previous: string | null; jobId: string }> {
      const { version, channel, pointers } = request
      const { principal, correlationId } = actor
      await requirePublished(trx, version)
      const previous = await moveChannel(
        trx,
        { channel, version, kind: 'promoted', by: principal.id },
        pointers,
      )
      // Under the channel's lock: a withdrawal is either visible here, or comes later and moves the channel back.
      if ((await findYank(trx, version)) !== undefined) throw conflict('This version was withdrawn')
      const target = `${version} -> ${channel}`
      await recordAudit(trx, { principal: principal.id, action: 'release.promote', target, correlationId })
      return { previous, jobId: await enqueuePointerJob(trx, channel, actor) }
    },

    async yank(
      trx: Knex.Transaction,
      request: { version: string; reason: string; pointers: Pointers },
      actor: Actor,
    ): Promise<{ yank: Yank; moved: { channel: Channel; version: string | null; jobId: string }[] }> {
      const { version, reason, pointers } = request
      const { principal, correlationId } = actor
      await requirePublished(trx, version)
      const yank = await insertYank(trx, { version, reason, by: principal.id })
      const moved = []
      for (const move of await fallBack(trx, { version, by: principal.id }, pointers)) {
        moved.push({ ...move, jobId: await enqueuePointerJob(trx, move.channel, actor) })
      }
      await recordAudit(trx, {
        principal: principal.id,
        action: 'release.yank',
        target: version,
        correlationId,
      })
      return { yank, moved }
    },

    /** The precondition of promoting and yanking: readers see the version. @throws SYS_005 */
    requireVisible: (version: string) => catalogue.get(version),
  }
}

function requireFiles({ platforms }: Release, files: ReleaseFile[]): void {
  const uploaded = files.filter(({ state }) => state === 'uploaded').map(({ platform }) => platform)
  const missing = platforms.filter((platform) => !uploaded.includes(platform))
  if (missing.length > 0) throw conflict(`Files are missing: ${missing.join(', ')}`, { missing })
}
