import type { Knex } from 'knex'
import { conflict, dependencyFailed } from '../../platform/errors.ts'
import type { Ending, Outcome, Run } from '../../platform/jobs/index.ts'
import type { Layout } from '../catalogue/layout.ts'
import { canonicalMetadata, type Metadata, parseAs, signatureSchema } from '../catalogue/metadata.ts'
import { isSignedBy, type SigningKey } from '../downloads/signing.ts'
import { withStore } from '../errors.ts'
import type { ObjectStore } from '../object-store/index.ts'
import { recordAudit } from '../store/audit.ts'
import { findFiles, restartFile } from '../store/files.ts'
import { rememberKey } from '../store/keys.ts'
import { findRelease, lockRelease, type Release, type ReleaseFile, updateRelease } from '../store/releases.ts'
import { moveChannel, readPointers, writePointer } from './channel-moves.ts'
import { placeFiles, removeUploads } from './verify-files.ts'

export interface PublishEngine {
  db: Knex
  store: ObjectStore
  layout: Layout
  key: () => SigningKey | undefined
}

export interface PublishPayload {
  version: string
  /** Who asked for it. */
  by: string
}

const asJson = { contentType: 'application/json' }

/**
 * Publishes a draft: files, checksums, metadata, signature, then the channel. Each write comes out the same when it is
 * repeated, so a run that died anywhere is made good by the next one; the metadata is what makes a version exist for
 * readers, and it comes after everything that they need.
 */
export async function runPublish(engine: PublishEngine, payload: PublishPayload, run: Run): Promise<Outcome> {
  const { version, by } = payload
  const release = await findRelease(engine.db, version)
  // A draft again: an earlier run has failed for good, and was recorded.
  if (release === undefined || release.state === 'draft') return { kind: 'done' }
  // The lease is asked for before anything is done outside: a worker that was frozen meanwhile ends here.
  await run.write(async () => undefined)
  if (release.state !== 'published') {
    const key = engine.key()
    if (key === undefined) throw noKey()
    await withStore(() => publish(engine, { release, key, by }, run))
  }
  run.progress({ phase: 'channel' })
  await withStore(() => run.write((trx) => writePointer(trx, engine, release.channel)))
  await clean(engine, release)
  return { kind: 'done' }
}

async function publish(
  engine: PublishEngine,
  about: { release: Release; key: SigningKey; by: string },
  run: Run,
): Promise<void> {
  const { db, store, layout } = engine
  const { release, key, by } = about
  const { version } = release
  const files = await findFiles(db, version)
  const metadata = metadataOf(release, files)
  const body = canonicalMetadata(metadata)
  await refuseForeign(engine, version, body)
  // Sealed: an earlier run has verified and placed them.
  if (release.state === 'publishing') await place(engine, { release, files }, run)

  run.progress({ phase: 'metadata' })
  // From here on readers may see the version: there is no way back to a draft.
  await run.write((trx) => updateRelease(trx, version, { state: 'sealed', error: null }))
  const written = await store.write(layout.metadata(version), { body, ...asJson, only: 'absent' })
  if (written === 'conflict') await refuseForeign(engine, version, body)

  run.progress({ phase: 'signature' })
  await sign(engine, { version, body, key })
  const pointers = await readPointers(store, layout)
  await run.write(async (trx) => {
    await rememberKey(trx, key)
    await updateRelease(trx, version, { state: 'published', published: true })
    await moveChannel(trx, { channel: release.channel, version, kind: 'published', by }, pointers)
    await recordAudit(trx, {
      ...{ principal: by, action: 'release.publish', target: version, correlationId: run.correlationId },
    })
  })
}

async function place(
  { store, layout }: PublishEngine,
  about: { release: Release; files: ReleaseFile[] },
  run: Run,
): Promise<void> {
  const { version } = about.release
  await placeFiles({ store, layout }, about, run)
  run.progress({ phase: 'checksums' })
  const lines = about.files.map(
    ({ platform, sha256 }) => `${sha256}  ${layout.fileName(version, platform)}\n`,
  )
  const body = lines.toSorted(byName).join('')
  // Naming what is replaced: a late write by a run that was paused is refused.
  const there = await store.head(layout.checksums(version))
  const only = there === undefined ? 'absent' : { etag: there.etag }
  const written = await store.write(layout.checksums(version), { body, contentType: 'text/plain', only })
  if (written === 'conflict') throw new Error('the checksums were written by somebody else at the same time')
}

function metadataOf({ version, channel, releasedAt }: Release, files: ReleaseFile[]): Metadata {
  const platforms = Object.fromEntries(files.map(({ platform, sha256 }) => [platform, sha256]))
  return { version, channel, released_at: (releasedAt ?? new Date(0)).toISOString(), platforms }
}

/** Whatever an older publisher has put under this version is left as it is. @throws STATE_001 */
async function refuseForeign({ store, layout }: PublishEngine, version: string, own: string): Promise<void> {
  const there = await store.read(layout.metadata(version))
  if (there === undefined || there === 'unchanged' || there.body.toString() === own) return
  throw conflict('The store has another release under this version')
}

/** A signature by an earlier run may be by another key: a rotation in between changes nothing that was written. */
async function sign(
  { store, layout }: PublishEngine,
  { version, body, key }: { version: string; body: string; key: SigningKey },
): Promise<void> {
  const target = layout.signature(version)
  const text = JSON.stringify(key.sign(body))
  if ((await store.write(target, { body: text, ...asJson, only: 'absent' })) === 'written') return
  const there = await store.read(target)
  const signature = there && there !== 'unchanged' ? parseAs(signatureSchema, there.body) : undefined
  if (signature?.key_id === key.id && isSignedBy(key.publicKey, body, signature)) return
  await store.write(target, { body: text, ...asJson })
}

/** Uploads are of no use any more. What is left by a fault here only takes room; see docs/binary-releases.md. */
async function clean({ store, layout }: PublishEngine, release: Release): Promise<void> {
  await removeUploads({ store, layout }, release.id).catch(() => undefined)
}

/** A publication that can't go on is a draft again, with the files that were not good to be sent anew. */
export async function settlePublish(
  trx: Knex.Transaction,
  { payload, ending }: { payload: PublishPayload; ending: Ending },
): Promise<void> {
  const release = await lockRelease(trx, payload.version)
  if (release === undefined || release.state === 'draft' || release.state === 'published') return
  const error =
    ending.state === 'failed'
      ? { code: ending.error.code, message: ending.error.message }
      : { code: 'STATE_001', message: 'The publication was cancelled' }
  // Sealed stays sealed: its metadata may be there, so the only way is forward, by another `publish`.
  await updateRelease(
    trx,
    payload.version,
    release.state === 'sealed' ? { error } : { error, state: 'draft' },
  )
  if (release.state === 'sealed') return
  const platform = ending.state === 'failed' ? ending.error.options.details?.platform : undefined
  if (typeof platform === 'string') await restartFile(trx, payload.version, platform)
}

export const noKey = () =>
  dependencyFailed('There is no key to sign releases with', {
    retryable: false,
    suggestedAction: 'Set RELEASE_SIGNING_KEY, then publish again',
  })

/** By file name, as `sha256sum *` lists them. */
const byName = (a: string, b: string) => (a.slice(66) < b.slice(66) ? -1 : 1)
