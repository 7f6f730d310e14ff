import { join } from 'node:path'
import type { Knex } from 'knex'
import type { PlatformConfig } from '../platform/config/index.ts'
import type { Listener } from '../platform/events/index.ts'
import type { Cause } from '../platform/health/index.ts'
import type { Route } from '../platform/http/index.ts'
import type { Enqueue } from '../platform/jobs/index.ts'
import type { Secrets } from '../platform/secrets.ts'
import { createCatalogue } from './catalogue/catalogue.ts'
import { createLayout } from './catalogue/layout.ts'
import { createListing } from './catalogue/listing.ts'
import { createReleaseStates } from './catalogue/release-states.ts'
import type { BinaryReleasesConfig, BucketConfig } from './config.ts'
import { createDownloads } from './downloads/downloads.ts'
import { embeddedSigningKey } from './downloads/embedded-signing-key.ts'
import { createSignatures } from './downloads/signatures.ts'
import { createSigningKey, type SigningKey } from './downloads/signing.ts'
import { linkRoutes } from './object-store/files/link-routes.ts'
import { createLinkSigner } from './object-store/files/signed-links.ts'
import { createFileStore } from './object-store/files/store.ts'
import type { ObjectStore } from './object-store/index.ts'
import { createStoreProbe } from './object-store/probe.ts'
import { createS3Store } from './object-store/s3/store.ts'
import { createPublishing } from './publishing/actions.ts'
import { createDrafts } from './publishing/drafts.ts'
import { pruneDrafts } from './publishing/prune.ts'
import type { PublishContext } from './publishing/run-publish.ts'
import { createUploads } from './publishing/uploads.ts'
import { publishingRoutes } from './routes/publishing.ts'
import { readingRoutes } from './routes/reading.ts'

export { pointerJob, publishJob } from './jobs.ts'

export interface BinaryReleases {
  routes: Route[]
  /** The store's problems, for the health check. Cached for 10 s. */
  storeCauses(): Promise<Cause[]>
  /** The dependencies of this domain's job handlers. */
  publishContext: PublishContext
  /** Removes abandoned drafts and their uploads. @returns the number of removed items */
  prune(): Promise<number>
}

type Platform = Pick<PlatformConfig, 'embedded' | 'dataDir' | 'publicUrl'>

export interface BinaryReleasesOptions {
  db: Knex
  config: BinaryReleasesConfig
  platform: Platform
  secrets: Secrets
  listener: Listener
  enqueue: Enqueue
  /** The database's time, because links are signed by one process and checked by another. */
  now: () => Date
}

export function createBinaryReleases(options: BinaryReleasesOptions): BinaryReleases {
  const { db, config, platform, secrets, listener, enqueue, now } = options
  const { platforms, filePrefix, revokedKeys: revoked } = config
  const { store, routes: storeRoutes } = createStore(config.bucket, { platform, secrets, now })
  const layout = createLayout(filePrefix)
  const states = createReleaseStates(db, listener)
  const catalogue = createCatalogue({ db, store, layout, states })
  const downloads = createDownloads({ db, store, layout, catalogue, states })
  const listing = createListing({ db, catalogue, states })
  const key = signingKeyOf(config, platform)
  const signatures = createSignatures({ db, store, layout, states, key, revoked })
  const context = { db, store, layout, key }
  const publishing = createPublishing({ context, catalogue, enqueue })
  const uploads = createUploads(context)
  return {
    routes: [
      ...readingRoutes({ db, platforms, catalogue, downloads, listing, signatures, states }),
      ...publishingRoutes({ drafts: createDrafts(context), publishing, uploads, platforms, layout, states }),
      ...storeRoutes,
    ],
    storeCauses: createStoreProbe(store),
    publishContext: context,
    prune: () => pruneDrafts(context),
  }
}

/** The configured bucket, or files on this machine with signed links to this service. */
function createStore(
  bucket: BucketConfig | undefined,
  options: Pick<BinaryReleasesOptions, 'platform' | 'secrets' | 'now'>,
): { store: ObjectStore; routes: Route[] } {
  if (bucket !== undefined) return { store: createS3Store(bucket), routes: [] }
  const { platform, secrets, now } = options
  const root = join(platform.dataDir, 'release-store')
  const secret = secrets.derive('capstan/release-links')
  const links = createLinkSigner({ publicUrl: platform.publicUrl, secret, now: () => now().getTime() })
  const store = createFileStore({ root, links })
  return { store, routes: linkRoutes({ root, links, partSize: store.limits.part }) }
}

/** The signing key, loaded on first use: a process that signs nothing generates no key. */
function signingKeyOf(
  { signingKey }: BinaryReleasesConfig,
  { embedded, dataDir }: Platform,
): () => SigningKey | undefined {
  let key: SigningKey | undefined
  return () => {
    const pem = signingKey ?? (embedded ? embeddedSigningKey(dataDir) : undefined)
    key ??= pem === undefined ? undefined : createSigningKey(pem)
    return key
  }
}
