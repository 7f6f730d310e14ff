import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { WorkerOptions } from 'miniflare'
import { parseAssetConfig } from '../../assets/config.ts'
import type { AssetConfig } from '../../assets/schema.ts'
import type { ServedFile } from '../../store/assets.ts'
import { appName } from '../gate.ts'

/** The static assets of a version, ready to be served. */
export interface RunnableAssets {
  /** The directory that contains one file for each hash. */
  directory: string
  files: ServedFile[]
  config: AssetConfig
}

export interface AssetServing {
  versionId: string
  assets: RunnableAssets
  compatibilityDate: string
  compatibilityFlags: string[]
}

/** The settings with which Miniflare runs its asset and router Workers. */
const runtime = {
  compatibilityDate: '2024-07-31',
  compatibilityFlags: ['nodejs_compat', 'no_nodejs_compat_v2', 'enable_ctx_exports'],
}

/** The name of the Worker that serves the assets of a version with code; the binding of type `assets` leads to it. */
export const assetsName = (versionId: string): string => appName(`${versionId}-assets`)

/** The name of the Worker that decides between the assets and the code of a version. */
export const routerName = (versionId: string): string => appName(`${versionId}-router`)

/**
 * Gives Miniflare's asset Worker the files by hash. Miniflare's own option serves one directory per process, and derives
 * content types from file names; here versions share their files, and each file has the type of its upload.
 */
const assetEntry = `
import Assets from 'asset-worker.js'
const filesOf = (env) => ({
  async getWithMetadata(hash) {
    // The directory has the files of all Workers.
    if (!Object.hasOwn(env.TYPES, hash)) return { value: null, metadata: null }
    const response = await env.FILES.fetch('http://files/' + hash)
    if (!response.ok) return { value: null, metadata: null }
    return { value: response.body, metadata: { contentType: env.TYPES[hash] ?? undefined } }
  },
})
export default class extends Assets {
  constructor(ctx, env) {
    super(ctx, { ...env, ASSETS_KV_NAMESPACE: filesOf(env) })
  }
}`

/** The Worker that serves the assets of a version. */
export function assetWorker(name: string, serving: AssetServing): WorkerOptions {
  const { assets, compatibilityDate, compatibilityFlags } = serving
  const { html_handling, not_found_handling, run_worker_first: first } = assets.config
  const types = assets.files.map(({ hash, contentType }) => [hash, contentType])
  return {
    ...runtime,
    name,
    modulesRoot: '/',
    modules: [
      { type: 'ESModule', path: '/entry.js', contents: assetEntry },
      { type: 'ESModule', path: '/asset-worker.js', contents: bundled('assets.worker.js') },
    ],
    bindings: {
      CONFIG: withoutUndefined({
        compatibility_date: compatibilityDate,
        compatibility_flags: compatibilityFlags,
        html_handling,
        not_found_handling,
        ...parseAssetConfig(assets.config),
        has_static_routing: Array.isArray(first),
      }),
      TYPES: Object.fromEntries(types),
    },
    dataBlobBindings: { ASSETS_MANIFEST: encodeManifest(assets) },
    serviceBindings: { FILES: { disk: { path: assets.directory, writable: false } } },
  }
}

/** The Worker that passes a request to the assets or to the code of a version, according to `run_worker_first`. */
export function routerWorker({ versionId, assets }: AssetServing): WorkerOptions {
  const { run_worker_first: first } = assets.config
  const rules = Array.isArray(first) ? first : []
  const routing = {
    user_worker: rules.filter((rule) => !rule.startsWith('!')),
    asset_worker: rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1)),
  }
  const config = { has_user_worker: true, invoke_user_worker_ahead_of_assets: first === true }
  return {
    ...runtime,
    name: routerName(versionId),
    modulesRoot: '/',
    modules: [{ type: 'ESModule', path: '/router.js', contents: bundled('router.worker.js') }],
    bindings: { CONFIG: Array.isArray(first) ? { ...config, static_routing: routing } : config },
    serviceBindings: { ASSET_WORKER: assetsName(versionId), USER_WORKER: appName(versionId) },
  }
}

const bundles = new Map<string, string>()

/** The code of one of Miniflare's Workers for assets. */
function bundled(file: string): string {
  const present = bundles.get(file)
  if (present !== undefined) return present
  const miniflare = dirname(createRequire(import.meta.url).resolve('miniflare'))
  const code = readFileSync(join(miniflare, 'workers', 'assets', file), 'utf8')
  bundles.set(file, code)
  return code
}

const headerBytes = 20
const pathHashBytes = 16
const entryBytes = 40

/**
 * The manifest in the binary format of Cloudflare's asset Worker: after a header, entries of 40 bytes in ascending order,
 * each with the first 16 bytes of the SHA-256 of the path and the 16 bytes of the file's hash.
 */
function encodeManifest({ files, config }: Pick<RunnableAssets, 'files' | 'config'>): Uint8Array {
  const base = (config.base_path ?? '').replace(/\/+$/, '')
  // The asset Worker looks up the page of a single-page application without the base path.
  const page = files.find(({ path }) => path === '/index.html')
  const isSpa = base !== '' && config.not_found_handling === 'single-page-application'
  const found = files.map(({ path, hash }) => ({ path: `${base}${path}`, hash }))
  if (isSpa && page !== undefined) found.push(page)
  const entries = found.map(({ path, hash }) => ({
    key: createHash('sha256').update(path).digest().subarray(0, pathHashBytes),
    hash: Buffer.from(hash, 'hex'),
  }))
  entries.sort((a, b) => Buffer.compare(a.key, b.key))
  const manifest = new Uint8Array(headerBytes + entries.length * entryBytes)
  for (const [at, { key, hash }] of entries.entries()) {
    manifest.set(key, headerBytes + at * entryBytes)
    manifest.set(hash, headerBytes + at * entryBytes + pathHashBytes)
  }
  return manifest
}

type Vars = NonNullable<WorkerOptions['bindings']>

/** A JSON binding must not contain undefined. */
const withoutUndefined = (config: object): Vars[string] => JSON.parse(JSON.stringify(config))
