import type { Knex } from 'knex'
import { notFound } from '../../platform/errors.ts'
import { metadataUnreadable, withStore } from '../errors.ts'
import type { ObjectStore } from '../object-store/index.ts'
import { earlierVersions } from '../store/channels.ts'
import { type Layout, metadataPrefix, versionOfKey } from './layout.ts'
import { type Channel, channels, type Metadata, metadataSchema, parseAs } from './metadata.ts'
import { type CachedObject, createObjectCache } from './object-cache.ts'
import type { ReleaseState, ReleaseStates } from './release-states.ts'
import { compareVersions, isVersion } from './versions.ts'

/** Metadata of a release. `stale`: the store is unreachable, so the cached copy could not be revalidated. */
export interface FoundRelease {
  metadata: Metadata
  stale: boolean
}

/** The published releases: the bucket's metadata, combined with the channel moves and withdrawals in the database. */
export interface Catalogue {
  /** @throws SYS_005 if there is no such release; STATE_003 (500) if the store is unreachable and no copy is cached */
  get(version: string): Promise<FoundRelease>
  latest(channel: Channel): Promise<FoundRelease>
  /** All versions of the bucket, newest first. */
  versions(): Promise<string[]>
}

export interface CatalogueOptions {
  db: Knex
  store: ObjectStore
  layout: Layout
  states: ReleaseStates
}

const listCacheMs = 10_000

export function createCatalogue({ db, store, layout, states }: CatalogueOptions): Catalogue {
  const cache = createObjectCache({ store, parse: parseMetadata })
  const withChannel = createChannelNaming()
  let listed: { at: number; versions: Promise<string[]> } | undefined

  states.onChange((now, before) => {
    cache.forgetAbsent()
    listed = undefined
    for (const channel of channels) {
      if (hasMoved(channel, now, before)) cache.forget(layout.pointer(channel))
    }
  })

  async function get(version: string): Promise<FoundRelease> {
    return requireMetadata(await withStore(() => cache.get(layout.metadata(version))))
  }

  async function earlier(channel: Channel): Promise<FoundRelease> {
    const [version] = await earlierVersions(db, channel)
    if (version === undefined) throw notFound('Release')
    return get(version)
  }

  return {
    get,
    async latest(channel) {
      const state = await states.current()
      const row = state.channels.get(channel)
      const toChannel = ({ metadata, stale }: FoundRelease) => ({
        metadata: withChannel(metadata, channel),
        stale,
      })
      if (row !== undefined && row.written < row.revision) {
        if (row.version === null) throw notFound('Release')
        return toChannel(state.yanks.has(row.version) ? await earlier(channel) : await get(row.version))
      }
      const pointed = requireMetadata(await withStore(() => cache.get(layout.pointer(channel))))
      return toChannel(state.yanks.has(pointed.metadata.version) ? await earlier(channel) : pointed)
    },
    async versions() {
      if (listed === undefined || performance.now() - listed.at > listCacheMs) {
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

function requireMetadata({ value, missing, stale }: CachedObject<Metadata>): FoundRelease {
  if (missing === 'unreadable') throw metadataUnreadable()
  if (value === undefined) throw notFound('Release')
  return { metadata: value, stale }
}

/**
 * Sets the channel in metadata: that of a promoted version still names the channel of its publication. Returns the same
 * object each time, because responses are cached by object.
 */
function createChannelNaming(): (metadata: Metadata, channel: Channel) => Metadata {
  const renamedByOriginal = new WeakMap<Metadata, Metadata>()
  return (metadata, channel) => {
    if (metadata.channel === channel) return metadata
    const existing = renamedByOriginal.get(metadata)
    if (existing?.channel === channel) return existing
    const renamed = { ...metadata, channel }
    renamedByOriginal.set(metadata, renamed)
    return renamed
  }
}

/** Undefined for invalid metadata, which includes metadata that names another version than its key. */
function parseMetadata(body: Buffer, key: string): Metadata | undefined {
  const metadata = parseAs(metadataSchema, body)
  if (metadata === undefined || !isVersion(metadata.version)) return undefined
  const keyVersion = versionOfKey(key)
  return keyVersion === undefined || keyVersion === metadata.version ? metadata : undefined
}

function hasMoved(channel: Channel, now: ReleaseState, before: ReleaseState | undefined): boolean {
  const [a, b] = [now.channels.get(channel), before?.channels.get(channel)]
  return a?.revision !== b?.revision || a?.written !== b?.written
}

/** The versions in the bucket, newest first. Other keys are ignored. */
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
