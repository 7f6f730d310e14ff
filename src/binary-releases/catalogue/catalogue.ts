import type { Knex } from 'knex'
import { notFound } from '../../platform/errors.ts'
import { unreadable, withStore } from '../errors.ts'
import type { ObjectStore } from '../object-store/index.ts'
import { earlierVersions } from '../store/channels.ts'
import { type Layout, metadataPrefix, versionOfKey } from './layout.ts'
import { type Channel, channels, type Metadata, metadataSchema, parseAs } from './metadata.ts'
import { type Cached, createObjectCache } from './object-cache.ts'
import type { ReleaseState, ReleaseStates } from './release-states.ts'
import { compareVersions, isVersion } from './versions.ts'

export interface Found {
  metadata: Metadata
  stale: boolean
}

/** What is published: the bucket's word, with the moves and yanks of the database. */
export interface Catalogue {
  /** @throws SYS_005 when there is none; STATE_003 (500) while the store is away and nothing is known. */
  get(version: string): Promise<Found>
  latest(channel: Channel): Promise<Found>
  /** All versions of the bucket, newest first. */
  versions(): Promise<string[]>
}

export interface CatalogueOptions {
  db: Knex
  store: ObjectStore
  layout: Layout
  states: ReleaseStates
}

const listMs = 10_000

export function createCatalogue({ db, store, layout, states }: CatalogueOptions): Catalogue {
  const cache = createObjectCache({ store, parse: parseMetadata })
  const named = createNamed()
  let listed: { at: number; versions: Promise<string[]> } | undefined

  states.onChange((now, before) => {
    cache.forgetAbsent()
    listed = undefined
    for (const channel of channels) {
      if (moved(channel, now, before)) cache.forget(layout.pointer(channel))
    }
  })

  async function get(version: string): Promise<Found> {
    return found(await withStore(() => cache.get(layout.metadata(version))))
  }

  async function earlier(channel: Channel): Promise<Found> {
    const [version] = await earlierVersions(db, channel)
    if (version === undefined) throw notFound('Release')
    return get(version)
  }

  return {
    get,
    async latest(channel) {
      const state = await states.current()
      const row = state.channels.get(channel)
      const as = ({ metadata, stale }: Found) => ({ metadata: named(metadata, channel), stale })
      if (row !== undefined && row.written < row.revision) {
        if (row.version === null) throw notFound('Release')
        return as(state.yanks.has(row.version) ? await earlier(channel) : await get(row.version))
      }
      const pointed = found(await withStore(() => cache.get(layout.pointer(channel))))
      return as(state.yanks.has(pointed.metadata.version) ? await earlier(channel) : pointed)
    },
    async versions() {
      if (listed === undefined || performance.now() - listed.at > listMs) {
        const versions = withStore(() => listVersions(store))
        listed = { at: performance.now(), versions }
        versions.catch(() => {
          listed = undefined
        })
      }
      return listed.versions
    },
  }
}

function found({ value, missing, stale }: Cached<Metadata>): Found {
  if (missing === 'unreadable') throw unreadable()
  if (value === undefined) throw notFound('Release')
  return { metadata: value, stale }
}

/** A promoted version still says where it was published. The same object each time, so that its text can be kept. */
function createNamed(): (metadata: Metadata, channel: Channel) => Metadata {
  const kept = new WeakMap<Metadata, Metadata>()
  return (metadata, channel) => {
    if (metadata.channel === channel) return metadata
    const known = kept.get(metadata)
    if (known?.channel === channel) return known
    const renamed = { ...metadata, channel }
    kept.set(metadata, renamed)
    return renamed
  }
}

/** What says it is about another version than its name is no metadata either. */
function parseMetadata(body: Buffer, key: string): Metadata | undefined {
  const metadata = parseAs(metadataSchema, body)
  if (metadata === undefined || !isVersion(metadata.version)) return undefined
  const named = versionOfKey(key)
  return named === undefined || named === metadata.version ? metadata : undefined
}

function moved(channel: Channel, now: ReleaseState, before: ReleaseState | undefined): boolean {
  const [a, b] = [now.channels.get(channel), before?.channels.get(channel)]
  return a?.revision !== b?.revision || a?.written !== b?.written
}

/** Newest first. What is no version's metadata does not concern us. */
async function listVersions(store: ObjectStore): Promise<string[]> {
  const versions: string[] = []
  let after: string | undefined
  for (;;) {
    const keys = await store.list(metadataPrefix, after)
    for (const key of keys) {
      const version = versionOfKey(key)
      if (version !== undefined && isVersion(version)) versions.push(version)
    }
    after = keys.at(-1)
    if (keys.length < 1000) break
  }
  return versions.toSorted((a, b) => compareVersions(b, a) || (a < b ? 1 : -1))
}
