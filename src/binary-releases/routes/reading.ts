import type { Knex } from 'knex'
import { z } from 'zod'
import { requirePrincipal } from '../../platform/auth.ts'
import { type Prepared, prepare, type Route, route } from '../../platform/http/index.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Listing } from '../catalogue/listing.ts'
import type { Metadata } from '../catalogue/metadata.ts'
import type { ReleaseStates } from '../catalogue/release-states.ts'
import type { Downloads } from '../downloads/downloads.ts'
import type { Signatures } from '../downloads/signatures.ts'
import { readCounts } from '../store/downloads.ts'
import { operation } from './operation.ts'
import {
  downloadQuery,
  latestQuery,
  listQuery,
  platformOf,
  updatesQuery,
  version,
  versionParams,
} from './schema.ts'
import { downloadView, keyView, listedView, metadataView } from './views.ts'

export interface ReadingOptions {
  db: Knex
  platforms: string[]
  catalogue: Catalogue
  downloads: Downloads
  listing: Listing
  signatures: Signatures
  states: ReleaseStates
}

/** A forwarded identity takes precedence: a Bearer token beside it belongs to the identity provider and is ignored. */
const read = { method: 'get', access: 'releases:read', schemes: ['forwarded'] } as const
/** Responses depend on the caller's permissions, so shared caches must not store them. */
const noSharedCache = { 'Cache-Control': 'private, no-cache' }
/** Download links are credentials, so no cache may store them. */
const noStore = { 'Cache-Control': 'private, no-store' }
const staleWarning = { Warning: '110 - "Response is Stale"' }

export function readingRoutes(options: ReadingOptions): Route[] {
  // Fixed paths like `latest` come before `:version`, which would match them.
  return [...namedRoutes(options), ...versionRoutes(options), downloadRoute(options)]
}

/** Caches the serialized response of an object that is sent many times, as long as the object exists. */
function createBodies<T extends object>(view: (value: T) => unknown): (value: T) => Prepared {
  const cache = new WeakMap<T, Prepared>()
  return (value) => {
    const cached = cache.get(value)
    if (cached !== undefined) return cached
    const body = prepare(JSON.stringify(view(value)), 'application/json; charset=utf-8')
    cache.set(value, body)
    return body
  }
}

function namedRoutes({ catalogue, listing, signatures, platforms }: ReadingOptions): Route[] {
  const bodies = createBodies((metadata: Metadata) => metadataView(metadata, { stale: false }))
  return [
    route({
      ...operation('getLatestRelease'),
      ...read,
      path: '/releases/latest',
      query: latestQuery,
      async handle({ query }) {
        const { metadata, stale } = await catalogue.latest(query.channel)
        if (!stale) return { prepared: bodies(metadata), headers: noSharedCache }
        return { body: metadataView(metadata, { stale }), headers: { ...noSharedCache, ...staleWarning } }
      },
    }),
    route({
      ...operation('listReleases'),
      ...read,
      path: '/releases',
      query: listQuery,
      async handle({ query }) {
        const { releases, next } = await listing.page(query)
        return { body: { releases: releases.map(listedView), next_cursor: next }, headers: noSharedCache }
      },
    }),
    route({
      ...operation('findUpdate'),
      ...read,
      path: '/releases/updates',
      query: updatesQuery(platforms),
      async handle({ query, res }) {
        const update = await listing.update(query)
        res.set(noSharedCache)
        if (update.kind === 'none') {
          res.set('X-Update-Reason', update.reason).status(204).end()
          return undefined
        }
        const { version, channel, released_at, platforms } = update.metadata
        const { platform } = query
        const download = `/download/${version}/${platform}`
        return { body: { version, channel, released_at, platform, sha256: platforms[platform], download } }
      },
    }),
    route({
      ...operation('listSigningKeys'),
      ...read,
      path: '/releases/keys',
      handle: async () => ({
        body: { keys: (await signatures.keys()).map(keyView) },
        headers: noSharedCache,
      }),
    }),
  ]
}

function versionRoutes({ db, catalogue, signatures, states }: ReadingOptions): Route[] {
  return [
    route({
      ...operation('getRelease'),
      ...read,
      path: '/releases/:version',
      params: versionParams,
      async handle({ params }) {
        const { metadata, stale } = await catalogue.get(params.version)
        const yank = (await states.current()).yanks.get(params.version)
        const headers = { ...noSharedCache, ...(stale ? staleWarning : {}) }
        return { body: metadataView(metadata, { stale, yank }), headers }
      },
    }),
    route({
      ...operation('getReleaseSignature'),
      ...read,
      path: '/releases/:version/signature',
      params: versionParams,
      async handle({ params }) {
        return {
          body: { version: params.version, ...(await signatures.of(params.version)) },
          headers: noSharedCache,
        }
      },
    }),
    route({
      ...operation('countReleaseDownloads'),
      ...read,
      path: '/releases/:version/downloads',
      params: versionParams,
      async handle({ params }) {
        return {
          body: { version: params.version, links: await readCounts(db, params.version) },
          headers: noSharedCache,
        }
      },
    }),
  ]
}

function downloadRoute({ downloads, platforms }: ReadingOptions): Route {
  const bodies = createBodies(downloadView)
  return route({
    ...operation('getDownloadLink'),
    ...read,
    path: '/download/:version/:platform',
    params: z.object({ version, platform: platformOf(platforms) }),
    query: downloadQuery,
    async handle({ params, query, principal, address, correlationId, res }) {
      const { id, name } = requirePrincipal(principal)
      const download = await downloads.issue({ ...params, principal: id, name, address, correlationId })
      if (!query.redirect) return { prepared: bodies(download), headers: noStore }
      res
        .set({ ...noStore, Location: download.url })
        .status(302)
        .end()
      return undefined
    },
  })
}
