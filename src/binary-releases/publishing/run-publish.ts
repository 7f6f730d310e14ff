import type { Knex } from 'knex'
import { conflict, dependencyFailed } from '../../platform/errors.ts'
import type { JobEnd, Outcome, Run } from '../../platform/jobs/index.ts'
import { canonicalMetadata } from '../catalogue/canonical-metadata.ts'
import type { Layout } from '../catalogue/layout.ts'
import { type Metadata, parseAs, signatureSchema } from '../catalogue/metadata.ts'
import { isSignedBy, type SigningKey } from '../downloads/signing.ts'
import { withStore } from '../errors.ts'
import type { ObjectStore } from '../object-store/index.ts'
import { recordAudit } from '../store/audit.ts'
import { findFiles, restartFile } from '../store/files.ts'
import { rememberKey } from '../store/keys.ts'
import { findRelease, lockRelease, type Release, type ReleaseFile, updateRelease } from '../store/releases.ts'
import { moveChannel, readPointers, writePointer } from './channel-moves.ts'
import { placeFiles, removeUploads } from './verify-files.ts'

export interface PublishContext {
  db: Knex
  store: ObjectStore
  layout: Layout
  key: () => SigningKey | undefined
}

export interface PublishPayload {
  version: string
  /** Id of the principal that requested the publication. */
  by: string
}

const asJson = { contentType: 'application/json' }

/**
 * Publishes a draft: files, checksums, metadata, signature, then the channel. Each write is idempotent, so the next run
 * completes one that died at any point. The metadata makes a version visible to readers, so it follows everything that
 * they need.
 */
export async function runPublish(
  context: PublishContext,
  payload: PublishPayload,
  run: Run,
): Promise<Outcome> {
  const { version, by } = payload
  const release = await findRelease(context.db, version)
  // Back to draft: an earlier run failed permanently, and its result is recorded.
  if (release === undefined || release.state === 'draft') return { kind: 'done' }
  // Verifies the lease before any outside call: a worker that lost it while it was frozen ends here.
  await run.write(async () => undefined)
  if (release.state !== 'published') {
    const key = context.key()
    if (key === undefined) throw noSigningKey()
    await withStore(() => publish(context, { release, key, by }, run))
  }
  run.progress({ phase: 'channel' })
  await withStore(() => run.write((trx) => writePointer(trx, context, release.channel)))
  await cleanUp(context, release)
  return { kind: 'done' }
}

async function publish(
  context: PublishContext,
  publication: { release: Release; key: SigningKey; by: string },
  run: Run,
): Promise<void> {
  const { db, store, layout } = context
  const { release, key, by } = publication
  const { version } = release
  const files = await findFiles(db, version)
  const metadata = metadataOf(release, files)
  const body = canonicalMetadata(metadata)
  await refuseForeign(context, version, body)
  // A sealed release was verified and placed by an earlier run.
  if (release.state === 'publishing') await place(context, { release, files }, run)

  run.progress({ phase: 'metadata' })
  // From here on readers may see the version, so it cannot become a draft again.
  await run.write((trx) => updateRelease(trx, version, { state: 'sealed', error: null }))
  const written = await store.write(layout.metadata(version), { body, ...asJson, only: 'absent' })
  if (written === 'conflict') await refuseForeign(context, version, body)

  run.progress({ phase: 'signature' })
  await sign(context, { version, body, key })
  const pointers = await readPointers(store, layout)
  await run.write(async (trx) => {
    await rememberKey(trx, key)
    await updateRelease(trx, version, { state: 'published', published: true })
    await moveChannel(trx, { channel: release.channel, version, kind: 'published', by }, pointers)
    await recordAudit(trx, {
      principal: by,
      action: 'release.publish',
      target: version,
      correlationId: run.correlationId,
    })
  })
}

async function place(
  { store, layout }: PublishContext,
  source: { release: Release; files: ReleaseFile[] },
  run: Run,
): Promise<void> {
  const { version } = source.release
  await placeFiles({ store, layout }, source, run)
  run.progress({ phase: 'checksums' })
  const lines = source.files.map(
    ({ platform, sha256 }) => `${sha256}  ${layout.fileName(version, platform)}\n`,
  )
  const body = lines.toSorted(byName).join('')
  // Conditional on the replaced object, so the store refuses a late write of a paused run.
  const current = await store.head(layout.checksums(version))
  const only = current === undefined ? 'absent' : { etag: current.etag }
  const written = await store.write(layout.checksums(version), { body, contentType: 'text/plain', only })
  if (written === 'conflict') throw new Error('the checksums were changed concurrently')
}

function metadataOf({ version, channel, releasedAt }: Release, files: ReleaseFile[]): Metadata {
  const platforms = Object.fromEntries(files.map(({ platform, sha256 }) => [platform, sha256]))
  return { version, channel, released_at: (releasedAt ?? new Date(0)).toISOString(), platforms }
}

/** Protects a release of another publisher under this version. @throws STATE_001 */
async function refuseForeign(
  { store, layout }: PublishContext,
  version: string,
  expected: string,
): Promise<void> {
  const stored = await store.read(layout.metadata(version))
  if (stored === undefined || stored === 'unchanged' || stored.body.toString() === expected) return
  throw conflict('The store contains another release with this version')
}

/** Writes the signature. An existing one is kept if it is valid for this key, and replaced after a key rotation. */
async function sign(
  { store, layout }: PublishContext,
  { version, body, key }: { version: string; body: string; key: SigningKey },
): Promise<void> {
  const target = layout.signature(version)
  const text = JSON.stringify(key.sign(body))
  if ((await store.write(target, { body: text, ...asJson, only: 'absent' })) === 'written') return
  const stored = await store.read(target)
  const signature = stored && stored !== 'unchanged' ? parseAs(signatureSchema, stored.body) : undefined
  if (signature?.key_id === key.id && isSignedBy(key.publicKey, body, signature)) return
  await store.write(target, { body: text, ...asJson })
}

/** Removes the uploads. Failures are ignored: remains only take space (docs/binary-releases.md). */
async function cleanUp({ store, layout }: PublishContext, release: Release): Promise<void> {
  await removeUploads({ store, layout }, release.id).catch(() => undefined)
}

/** Returns a failed or cancelled publication to draft, so that its invalid files can be uploaded again. */
export async function settlePublish(
  trx: Knex.Transaction,
  { payload, ending }: { payload: PublishPayload; ending: JobEnd },
): Promise<void> {
  const release = await lockRelease(trx, payload.version)
  if (release === undefined || release.state === 'draft' || release.state === 'published') return
  const error =
    ending.state === 'failed'
      ? { code: ending.error.code, message: ending.error.message }
      : { code: 'STATE_001', message: 'The publication was cancelled' }
  // A sealed release stays sealed: its metadata may be visible, so only another `publish` can complete it.
  await updateRelease(
    trx,
    payload.version,
    release.state === 'sealed' ? { error } : { error, state: 'draft' },
  )
  if (release.state === 'sealed') return
  const platform = ending.state === 'failed' ? ending.error.options.details?.platform : undefined
  if (typeof platform === 'string') await restartFile(trx, payload.version, platform)
}

export const noSigningKey = () =>
  dependencyFailed('No signing key for releases is configured', {
    retryable: false,
    suggestedAction: 'Set RELEASE_SIGNING_KEY, then publish again',
  })

/** Order of checksum lines by file name, as `sha256sum *` prints them. */
const byName = (a: string, b: string) => (a.slice(66) < b.slice(66) ? -1 : 1)
