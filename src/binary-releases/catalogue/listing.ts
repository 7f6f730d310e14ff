import type { Knex } from 'knex'
import { CodedError } from '../../platform/errors.ts'
import { encodeCursor, readCursor } from '../../platform/http/index.ts'
import type { Yank } from '../store/channels.ts'
import { findPublished } from '../store/releases.ts'
import type { Catalogue } from './catalogue.ts'
import type { Channel, Metadata } from './metadata.ts'
import type { ReleaseStates } from './release-states.ts'
import { compareVersions, isVersion } from './versions.ts'

export interface Listed {
  version: string
  /** Undefined when it can't be read: such a release hides no other. */
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
  async function readable(version: string): Promise<Metadata | undefined> {
    try {
      return (await catalogue.get(version)).metadata
    } catch (error) {
      // Removed meanwhile, or nothing that can be read. A store that is away is everybody's fault.
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
      // One more than asked for tells whether there is a next page.
      for (let at = 0; at < rest.length && entries.length <= limit; at += limit + 1) {
        const versions = rest.slice(at, at + limit + 1)
        const read = await Promise.all(
          versions.map(async (version) => ({ version, metadata: await readable(version) })),
        )
        entries.push(...read.filter(({ metadata }) => channel === undefined || metadata?.channel === channel))
      }
      const items = entries.slice(0, limit)
      const notes = await findPublished(
        db,
        items.map(({ version }) => version),
      )
      const { yanks } = await states.current()
      const releases: Listed[] = items.map(({ version, metadata }) => ({
        ...{ version, metadata, yank: yanks.get(version) },
        notes: notes.find((each) => each.version === version)?.notes ?? null,
      }))
      const last = entries.length > limit ? items.at(-1) : undefined
      return { releases, next: last === undefined ? null : encodeCursor(last.version) }
    },

    /**
     * What a client that runs `current` should move to. A withdrawn version is left for an older one, too, but never for
     * one of equal precedence (`1.0.0+a` and `1.0.0+b`): it would be offered its own version for ever.
     */
    async update(asked: { channel: Channel; current: string; platform: string }): Promise<Update> {
      let metadata: Metadata
      try {
        metadata = (await catalogue.latest(asked.channel)).metadata
      } catch (error) {
        if (error instanceof CodedError && error.code === 'SYS_005')
          return { kind: 'none', reason: 'no-release' }
        throw error
      }
      const order = compareVersions(metadata.version, asked.current)
      if (order === 0) return { kind: 'none', reason: 'up-to-date' }
      const isWithdrawn = (await states.current()).yanks.has(asked.current)
      if (!isWithdrawn && order < 0) return { kind: 'none', reason: 'current-is-newer' }
      if (!Object.hasOwn(metadata.platforms, asked.platform))
        return { kind: 'none', reason: 'platform-missing' }
      return { kind: 'update', metadata }
    },
  }
}

/** In the order of the list: later versions first, those that count as equal by their text. */
function isAfter(version: string, cursor: string): boolean {
  const order = compareVersions(cursor, version)
  return order > 0 || (order === 0 && version < cursor)
}
