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

/** The versions in the store's pointers, read before a transaction that may move them. */
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

/** Moves a channel in the database; the caller schedules `writePointer`. @returns the previous version */
export async function moveChannel(
  trx: Knex.Transaction,
  move: { channel: Channel; version: string; kind: MoveKind; by: string },
  pointers: Pointers,
): Promise<string | null> {
  const before = await lockAndAdoptPointer(trx, move.channel, pointers)
  if (before.version !== move.version || before.revision === 0) await recordMove(trx, move)
  return before.version
}

/** Moves every channel on a withdrawn version back to its previous version. @returns the new versions */
export async function fallBack(
  trx: Knex.Transaction,
  { version, by }: { version: string; by: string },
  pointers: Pointers,
): Promise<{ channel: Channel; version: string | null }[]> {
  const moved: { channel: Channel; version: string | null }[] = []
  // Sorted, so that concurrent moves take their locks in the same order.
  for (const channel of [...channels].toSorted()) {
    const before = await lockAndAdoptPointer(trx, channel, pointers)
    if (before.version !== version) continue
    const [earlier = null] = await earlierVersions(trx, channel)
    await recordMove(trx, { channel, version: earlier, kind: 'fell-back', by })
    moved.push({ channel, version: earlier })
  }
  return moved
}

/** Locks the channel and records a move that another program made in the store's pointer. @returns the channel's row */
async function lockAndAdoptPointer(
  trx: Knex.Transaction,
  channel: Channel,
  pointers: Pointers,
): Promise<ChannelRow> {
  const row = await lockChannel(trx, channel)
  const pointed = pointers.get(channel)
  if (row.written < row.revision || pointed === undefined || pointed === row.version) return row
  await recordMove(trx, { channel, version: pointed, kind: 'found', by: 'store' })
  return lockChannel(trx, channel)
}

/**
 * Updates the store's pointer to the channel's version, under the channel's lock. The write is conditional on the
 * replaced pointer, so the store refuses a late write of a paused process instead of moving the channel back.
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
  const current = await store.head(key)
  if (row.version === null) {
    if (current !== undefined) await store.remove(key)
  } else {
    const metadata = await store.read(layout.metadata(row.version))
    const parsed = metadata && metadata !== 'unchanged' ? parseAs(metadataSchema, metadata.body) : undefined
    if (parsed === undefined) throw new Error(`the metadata of ${row.version} is not in the store`)
    const { version, released_at, platforms } = parsed
    const body = JSON.stringify({ version, channel, released_at, platforms }, null, 2)
    const only = current === undefined ? 'absent' : { etag: current.etag }
    const written = await store.write(key, { body, contentType: 'application/json', only })
    if (written === 'conflict') throw new Error(`the pointer of ${channel} was changed concurrently`)
  }
  await markWritten(trx, channel, row.revision)
}
