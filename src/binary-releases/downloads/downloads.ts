import type { Knex } from 'knex'
import { createBatcher } from '../../platform/batcher.ts'
import { notFound } from '../../platform/errors.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Layout } from '../catalogue/layout.ts'
import type { ReleaseStates } from '../catalogue/release-states.ts'
import { storeUnreachable, versionWithdrawn, withStore } from '../errors.ts'
import { linkSeconds, type ObjectStore } from '../object-store/index.ts'
import { type IssuedLink, recordLinks } from '../store/downloads.ts'
import { publishedSizes } from '../store/files.ts'

export interface Download {
  version: string
  platform: string
  url: string
  expiresAt: Date
  filename: string
  /** Null for a release of another publisher. */
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

/** Issues download links. Each link is recorded before the response; concurrent requests share one round trip. */
export function createDownloads({ db, store, layout, catalogue, states }: DownloadOptions) {
  const records = createBatcher((links: IssuedLink[]) => recordLinks(db, links), { linger: false })
  const sizes = createSizes(db)
  const downloadOf = createDownloadCache(async ({ version, platform }) => {
    const { metadata, stale } = await catalogue.get(version)
    if ((await states.current()).yanks.has(version)) throw versionWithdrawn()
    const sha256 = Object.hasOwn(metadata.platforms, platform) ? metadata.platforms[platform] : undefined
    if (sha256 === undefined) throw notFound('File of this release for the platform')
    // A link to an unreachable store is useless.
    if (stale) throw storeUnreachable()
    const filename = layout.fileName(version, platform)
    const [link, size] = await Promise.all([
      withStore(() => store.linkToRead(layout.file(version, platform), filename)),
      sizes(version),
    ])
    return { version, platform, filename, sha256, ...link, size: size?.[platform] ?? null }
  })

  return {
    /**
     * @throws SYS_005 if the version or its file does not exist, STATE_002 if the version was withdrawn, STATE_003
     * (500) if the store is unreachable
     */
    async issue(link: IssuedLink): Promise<Download> {
      const download = await downloadOf(link)
      // The statement checks for a withdrawal again: the state in memory may be up to two seconds old.
      if (!(await records.add(link))) throw versionWithdrawn()
      return download
    },
    lifetimeSeconds: linkSeconds,
    idle: () => records.idle(),
  }
}

type FileId = Pick<IssuedLink, 'version' | 'platform'>

/** Caches downloads within a second: signatures count whole seconds, so all links to a file in one second are equal. */
function createDownloadCache(create: (id: FileId) => Promise<Download>): (id: FileId) => Promise<Download> {
  let second = 0
  let thisSecond = new Map<string, Promise<Download>>()
  return (id) => {
    const now = Math.floor(Date.now() / 1000)
    if (now !== second) {
      second = now
      thisSecond = new Map()
    }
    const { version, platform } = id
    const key = `${version} ${platform}`
    const existing = thisSecond.get(key)
    if (existing !== undefined) return existing
    const download = create({ version, platform })
    thisSecond.set(key, download)
    const cache = thisSecond
    // Failures are not cached: the file may appear at any time.
    download.catch(() => cache.delete(key))
    return download
  }
}

const maxCachedSizes = 1000
const foreignReleaseMs = 30_000

/**
 * Caches file sizes: forever for our own releases, which never change; for 30 s that a release has another publisher.
 */
function createSizes(db: Knex) {
  const cache = new Map<string, { until: number; sizes: Promise<Record<string, number> | undefined> }>()
  return (version: string) => {
    const cached = cache.get(version)
    if (cached !== undefined && performance.now() < cached.until) return cached.sizes
    const sizes = publishedSizes(db, version)
    const entry = { until: performance.now() + foreignReleaseMs, sizes }
    cache.set(version, entry)
    if (cache.size > maxCachedSizes) cache.delete(cache.keys().next().value ?? '')
    sizes.then(
      (found) => {
        if (found !== undefined) entry.until = Number.POSITIVE_INFINITY
      },
      () => cache.delete(version),
    )
    return sizes
  }
}
