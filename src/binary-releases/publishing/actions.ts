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
import { noKey, type PublishEngine } from './run-publish.ts'
import { requireDraft } from './uploads.ts'

export interface PublishingOptions {
  engine: PublishEngine
  catalogue: Catalogue
  enqueue: Enqueue
}

export interface Actor {
  principal: Principal
  correlationId: string
}

export type Publishing = ReturnType<typeof createPublishing>

/**
 * The verbs of publishers. Those that look into the store do so before their transaction (`prepare...`, `pointers`),
 * and the transaction then decides by what the database knows.
 */
export function createPublishing({ engine, catalogue, enqueue }: PublishingOptions) {
  const { store, layout } = engine

  /** The version is published: by us, or found in the bucket. @throws SYS_005, STATE_001 */
  async function requirePublished(trx: Knex, version: string): Promise<void> {
    const release = await findRelease(trx, version)
    if (release !== undefined && release.state !== 'published')
      throw conflict('This version is not published yet')
  }

  function follow(
    trx: Knex.Transaction,
    channel: Channel,
    { principal, correlationId }: Actor,
  ): Promise<string> {
    const about = { subject: `release-channel:${channel}`, owner: principal.id, correlationId }
    return enqueue(trx, pointerJob, { payload: { channel }, ...about })
  }

  return {
    pointers: () => withStore(() => readPointers(store, layout)),

    /** @returns the job that verifies and publishes. @throws STATE_001 for files that are missing. */
    async publish(
      trx: Knex.Transaction,
      version: string,
      { principal, correlationId }: Actor,
    ): Promise<string> {
      if (engine.key() === undefined) throw noKey()
      const release = await lockRelease(trx, version)
      if (release === undefined) throw notFound('Draft')
      // Sealed with an error: an earlier job gave up after the point of no return.
      const goesOn = release.state === 'sealed' && release.error !== null
      if (!goesOn) {
        requireDraft(release, principal.id)
        requireFiles(release, await findFiles(trx, version))
      }
      const about = { subject: `release:${version}`, owner: principal.id, correlationId }
      const jobId = await enqueue(trx, publishJob, { payload: { version, by: principal.id }, ...about })
      const begun = goesOn ? {} : ({ state: 'publishing', releasedAt: await databaseTime(trx) } as const)
      await updateRelease(trx, version, { ...begun, jobId, error: null })
      return jobId
    },

    async promote(
      trx: Knex.Transaction,
      asked: { version: string; channel: Channel; pointers: Pointers },
      actor: Actor,
    ): Promise<{ previous: string | null; jobId: string }> {
      const { version, channel, pointers } = asked
      const { principal, correlationId } = actor
      await requirePublished(trx, version)
      const previous = await moveChannel(
        trx,
        { channel, version, kind: 'promoted', by: principal.id },
        pointers,
      )
      // Under the channel's lock: a yank either is seen here, or comes after and takes the channel back.
      if ((await findYank(trx, version)) !== undefined) throw conflict('This version was withdrawn')
      const target = `${version} -> ${channel}`
      await recordAudit(trx, { principal: principal.id, action: 'release.promote', target, correlationId })
      return { previous, jobId: await follow(trx, channel, actor) }
    },

    async yank(
      trx: Knex.Transaction,
      asked: { version: string; reason: string; pointers: Pointers },
      actor: Actor,
    ): Promise<{ yank: Yank; moved: { channel: Channel; version: string | null; jobId: string }[] }> {
      const { version, reason, pointers } = asked
      const { principal, correlationId } = actor
      await requirePublished(trx, version)
      const yank = await insertYank(trx, { version, reason, by: principal.id })
      const moved = []
      for (const each of await fallBack(trx, { version, by: principal.id }, pointers)) {
        moved.push({ ...each, jobId: await follow(trx, each.channel, actor) })
      }
      await recordAudit(trx, {
        principal: principal.id,
        action: 'release.yank',
        target: version,
        correlationId,
      })
      return { yank, moved }
    },

    /** Readers can see it: the first condition of promoting and yanking. @throws SYS_005 */
    exists: (version: string) => catalogue.get(version),
  }
}

function requireFiles({ platforms }: Release, files: ReleaseFile[]): void {
  const uploaded = files.filter(({ state }) => state === 'uploaded').map(({ platform }) => platform)
  const missing = platforms.filter((platform) => !uploaded.includes(platform))
  if (missing.length > 0) throw conflict(`Files are missing: ${missing.join(', ')}`, { missing })
}
