import type { Knex } from 'knex'
import { allowIdle } from '../../platform/postgres/index.ts'
import type { Layout } from '../catalogue/layout.ts'
import { type Channel, channels, metadataSchema, parseAs } from '../catalogue/metadata.ts'
import { isVersion } from '../catalogue/versions.ts'
import type { ObjectStore } from '../object-store/index.ts'
import {
  type ChannelRow,
  earlierVersions,
  lockChannel,
  type MoveKind,
  markWritten,
  recordMove,
} from '../store/channels.ts'

/** Milliseconds for a few calls to the store while the channel's lock is held. */
const storeWaitMs = 20_000

/** The versions that the store's pointers name, read before a transaction that may move them. */
export type Pointers = ReadonlyMap<Channel, string>

export async function readPointers(store: ObjectStore, layout: Layout): Promise<Pointers> {
  const pointers = new Map<Channel, string>()
  for (const channel of channels) {
    const found = await store.read(layout.pointer(channel))
    if (found === undefined || found === 'unchanged') continue
    const version = parseAs(metadataSchema, found.body)?.version
    if (version !== undefined && isVersion(version)) pointers.set(channel, version)
  }
  return pointers
}

/** Moves a channel. @returns where it was; the pointer in the store has to follow (`writePointer`). */
export async function moveChannel(
  trx: Knex.Transaction,
  move: { channel: Channel; version: string; kind: MoveKind; by: string },
  pointers: Pointers,
): Promise<string | null> {
  const before = await adopt(trx, move.channel, pointers)
  if (before.version !== move.version || before.revision === 0) await recordMove(trx, move)
  return before.version
}

/** Takes every channel off a version that was just yanked, back to where it was before. @returns where they are now. */
export async function fallBack(
  trx: Knex.Transaction,
  { version, by }: { version: string; by: string },
  pointers: Pointers,
): Promise<{ channel: Channel; version: string | null }[]> {
  const moved: { channel: Channel; version: string | null }[] = []
  // Sorted, as every mover takes its locks.
  for (const channel of [...channels].toSorted()) {
    const before = await adopt(trx, channel, pointers)
    if (before.version !== version) continue
    const [earlier = null] = await earlierVersions(trx, channel)
    await recordMove(trx, { channel, version: earlier, kind: 'fell-back', by })
    moved.push({ channel, version: earlier })
  }
  return moved
}

/** Where the store's pointer was moved by somebody else, that is where the channel was. */
async function adopt(trx: Knex.Transaction, channel: Channel, pointers: Pointers): Promise<ChannelRow> {
  const row = await lockChannel(trx, channel)
  const found = pointers.get(channel)
  if (row.written < row.revision || found === undefined || found === row.version) return row
  await recordMove(trx, { channel, version: found, kind: 'found', by: 'store' })
  return lockChannel(trx, channel)
}

/**
 * Lets the store's pointer follow the channel, under the channel's lock. The write names the pointer that it replaces: one
 * that arrives late, from a process that was paused, is refused by the store instead of turning the channel back.
 */
export async function writePointer(
  trx: Knex.Transaction,
  { store, layout }: { store: ObjectStore; layout: Layout },
  channel: Channel,
): Promise<void> {
  const row = await lockChannel(trx, channel)
  if (row.written === row.revision) return
  await allowIdle(trx, storeWaitMs)
  const key = layout.pointer(channel)
  const there = await store.head(key)
  if (row.version === null) {
    if (there !== undefined) await store.remove(key)
  } else {
    const metadata = await store.read(layout.metadata(row.version))
    const parsed = metadata && metadata !== 'unchanged' ? parseAs(metadataSchema, metadata.body) : undefined
    if (parsed === undefined) throw new Error(`the metadata of ${row.version} is not in the store`)
    const { version, released_at, platforms } = parsed
    const body = JSON.stringify({ version, channel, released_at, platforms }, null, 2)
    const only = there === undefined ? 'absent' : { etag: there.etag }
    const written = await store.write(key, { body, contentType: 'application/json', only })
    if (written === 'conflict') throw new Error(`the pointer of ${channel} was changed meanwhile`)
  }
  await markWritten(trx, channel, row.revision)
}
