import type { Knex } from 'knex'
import { CodedError } from '../../platform/errors.ts'
import { encodeCursor, readCursor } from '../../platform/http/index.ts'
import type { Yank } from '../store/channels.ts'
import { findPublished } from '../store/releases.ts'
import type { Catalogue } from './catalogue.ts'
import type { Channel, Metadata } from './metadata.ts'
import type { ReleaseStates } from './release-states.ts'
import { compareVersions, isVersion } from './versions.ts'

export interface ListedRelease {
  version: string
  /** Undefined if it cannot be read; the release stays in the list, so that it hides no other. */
  metadata: Metadata | undefined
  notes: string | null
  yank: Yank | undefined
}

export type Update =
  | { kind: 'update'; metadata: Metadata }
  | { kind: 'none'; reason: 'up-to-date' | 'no-release' | 'platform-missing' | 'current-is-newer' }

export type Listing = ReturnType<typeof createListing>

export interface ListingOptions {
  db: Knex
  catalogue: Catalogue
  states: ReleaseStates
}

export function createListing({ db, catalogue, states }: ListingOptions) {
  async function readableMetadata(version: string): Promise<Metadata | undefined> {
    try {
      return (await catalogue.get(version)).metadata
    } catch (error) {
      // Removed meanwhile or unreadable: only this release is affected. An unreachable store fails the whole list.
      if (error instanceof CodedError && error.code !== 'STATE_003') return undefined
      throw error
    }
  }

  return {
    /** Newest first. @returns the cursor of the next page, or null. */
    async page(query: { channel?: Channel | undefined; cursor?: string | undefined; limit: number }) {
      const { channel, limit } = query
      const after = readCursor(query.cursor, (text) => (isVersion(text) ? text : undefined))
      const all = await catalogue.versions()
      const rest = after === undefined ? all : all.filter((version) => isAfter(version, after))
      const entries: { version: string; metadata: Metadata | undefined }[] = []
      // One entry more than the limit shows whether there is a next page.
      for (let at = 0; at < rest.length && entries.length <= limit; at += limit + 1) {
        const versions = rest.slice(at, at + limit + 1)
        const read = await Promise.all(
          versions.map(async (version) => ({ version, metadata: await readableMetadata(version) })),
        )
        entries.push(...read.filter(({ metadata }) => channel === undefined || metadata?.channel === channel))
      }
      const items = entries.slice(0, limit)
      const notes = await findPublished(
        db,
        items.map(({ version }) => version),
      )
      const { yanks } = await states.current()
      const releases: ListedRelease[] = items.map(({ version, metadata }) => ({
        version,
        metadata,
        yank: yanks.get(version),
        notes: notes.find((each) => each.version === version)?.notes ?? null,
      }))
      const last = entries.length > limit ? items.at(-1) : undefined
      return { releases, next: last === undefined ? null : encodeCursor(last.version) }
    },

    /**
     * The version that a client on `current` should update to. A client on a withdrawn version is also offered an older
     * version, but never one of equal precedence (`1.0.0+a` and `1.0.0+b`): it would get its own version again.
     */
    async update(query: { channel: Channel; current: string; platform: string }): Promise<Update> {
      let metadata: Metadata
      try {
        metadata = (await catalogue.latest(query.channel)).metadata
      } catch (error) {
        if (error instanceof CodedError && error.code === 'SYS_005')
          return { kind: 'none', reason: 'no-release' }
        throw error
      }
      const order = compareVersions(metadata.version, query.current)
      if (order === 0) return { kind: 'none', reason: 'up-to-date' }
      const isWithdrawn = (await states.current()).yanks.has(query.current)
      if (!isWithdrawn && order < 0) return { kind: 'none', reason: 'current-is-newer' }
      if (!Object.hasOwn(metadata.platforms, query.platform))
        return { kind: 'none', reason: 'platform-missing' }
      return { kind: 'update', metadata }
    },
  }
}

/** True if the version follows the cursor in the list: later versions first, versions of equal precedence by text. */
function isAfter(version: string, cursor: string): boolean {
  const order = compareVersions(cursor, version)
  return order > 0 || (order === 0 && version < cursor)
}
