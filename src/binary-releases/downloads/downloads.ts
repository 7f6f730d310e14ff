import type { Knex } from 'knex'
import { createBatcher } from '../../platform/batcher.ts'
import { notFound } from '../../platform/errors.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Layout } from '../catalogue/layout.ts'
import type { ReleaseStates } from '../catalogue/release-states.ts'
import { storeAway, withStore, yanked } from '../errors.ts'
import { linkSeconds, type ObjectStore } from '../object-store/index.ts'
import { type IssuedLink, recordLinks } from '../store/downloads.ts'
import { publishedSizes } from '../store/files.ts'

export interface Download {
  version: string
  platform: string
  url: string
  expiresAt: Date
  filename: string
  /** Null for a release that we did not publish. */
  size: number | null
  sha256: string
}

export type Downloads = ReturnType<typeof createDownloads>

export interface DownloadOptions {
  db: Knex
  store: ObjectStore
  layout: Layout
  catalogue: Catalogue
  states: ReleaseStates
}

/** Gives out links. Each one is recorded before it is answered: those who ask at once share a round trip. */
export function createDownloads({ db, store, layout, catalogue, states }: DownloadOptions) {
  const records = createBatcher((links: IssuedLink[]) => recordLinks(db, links), { linger: false })
  const sizes = createSizes(db)
  const offers = createOffers(async ({ version, platform }) => {
    const { metadata, stale } = await catalogue.get(version)
    if ((await states.current()).yanks.has(version)) throw yanked()
    const sha256 = Object.hasOwn(metadata.platforms, platform) ? metadata.platforms[platform] : undefined
    if (sha256 === undefined) throw notFound('File of this release for the platform')
    // A link to a store that does not answer helps nobody.
    if (stale) throw storeAway()
    const filename = layout.fileName(version, platform)
    const [link, size] = await Promise.all([
      withStore(() => store.linkToRead(layout.file(version, platform), filename)),
      sizes(version),
    ])
    return { version, platform, filename, sha256, ...link, size: size?.[platform] ?? null }
  })

  return {
    /** @throws SYS_005 for what there is not, STATE_002 for a yanked version, STATE_003 (500) with the store away. */
    async issue(asked: IssuedLink): Promise<Download> {
      const download = await offers(asked)
      // The database's own word on yanks: ours may be a moment old.
      if (!(await records.add(asked))) throw yanked()
      return download
    },
    lifetimeSeconds: linkSeconds,
    idle: () => records.idle(),
  }
}

type Asked = Pick<IssuedLink, 'version' | 'platform'>

/** Signatures count whole seconds: within one, what is offered of a file is the same for everybody, and made once. */
function createOffers(make: (asked: Asked) => Promise<Download>): (asked: Asked) => Promise<Download> {
  let second = 0
  let made = new Map<string, Promise<Download>>()
  return (asked) => {
    const now = Math.floor(Date.now() / 1000)
    if (now !== second) {
      second = now
      made = new Map()
    }
    const { version, platform } = asked
    const key = `${version} ${platform}`
    const known = made.get(key)
    if (known !== undefined) return known
    const own = make({ version, platform })
    made.set(key, own)
    const among = made
    // What is not there now may be there in the next moment.
    own.catch(() => among.delete(key))
    return own
  }
}

const sizesKept = 1000
const unknownMs = 30_000

/** Sizes of what we published never change; that a version is not ours is asked again after a while. */
function createSizes(db: Knex) {
  const known = new Map<string, { until: number; sizes: Promise<Record<string, number> | undefined> }>()
  return (version: string) => {
    const kept = known.get(version)
    if (kept !== undefined && performance.now() < kept.until) return kept.sizes
    const sizes = publishedSizes(db, version)
    const entry = { until: performance.now() + unknownMs, sizes }
    known.set(version, entry)
    if (known.size > sizesKept) known.delete(known.keys().next().value ?? '')
    sizes.then(
      (found) => {
        if (found !== undefined) entry.until = Number.POSITIVE_INFINITY
      },
      () => known.delete(version),
    )
    return sizes
  }
}
