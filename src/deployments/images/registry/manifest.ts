import { createHash } from 'node:crypto'
import { z } from 'zod'
import { RegistryContentError, UnusableImage } from './errors.ts'
import { readBody } from './http.ts'
import { digestPattern } from './reference.ts'
import { pullScope, pushScope, type Registry } from './registry.ts'

const media = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
}
/** All four media types: a registry answers 404 for a type that is not accepted. */
const accept = Object.values(media).join(', ')
const maxManifestBytes = 4 * 1024 * 1024

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.string().regex(digestPattern),
  size: z.number().int().min(0),
})
export type Descriptor = z.output<typeof descriptor>

const manifestShape = z.object({ config: descriptor, layers: z.array(descriptor).max(1000) })
const indexShape = z.object({
  manifests: z.array(
    descriptor.extend({
      platform: z
        .object({ os: z.string(), architecture: z.string(), variant: z.string().optional() })
        .optional(),
    }),
  ),
})
const configShape = z.object({ os: z.string().optional(), architecture: z.string().optional() })

/** A manifest with the original bytes, which the digest covers; they are never serialized again. */
export interface RawManifest {
  mediaType: string
  digest: string
  bytes: Buffer
}

/** The manifest of an image for linux/amd64. */
export interface ImageManifest extends RawManifest {
  config: Descriptor
  layers: Descriptor[]
}

export interface ResolvedImage {
  /** The digest that the reference points to, perhaps of an index over several platforms. */
  digest: string
  image: ImageManifest
}

interface Place {
  registry: Registry
  repository: string
}

/**
 * Resolves a tag or digest to the manifest for linux/amd64.
 * @throws UnusableImage if there is none, RegistryError (404) if the image does not exist
 */
export async function resolveImage(
  place: Place,
  reference: string,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const top = await readManifest(place, reference, signal)
  if (!isIndex(top.mediaType)) {
    const image = imageOf(top)
    await checkPlatform(place, image, signal)
    return { digest: top.digest, image }
  }
  const { manifests } = parseAs(indexShape, top)
  const matching = manifests.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64',
  )
  if (matching === undefined) throw new UnusableImage('The image has no variant for linux/amd64')
  const child = await readManifest(place, matching.digest, signal)
  if (isIndex(child.mediaType)) throw new UnusableImage('The image is an index of indexes')
  return { digest: top.digest, image: imageOf(child) }
}

/** @throws RegistryContentError if the bytes do not match the requested or announced digest */
async function readManifest(
  { registry, repository }: Place,
  reference: string,
  signal: AbortSignal,
): Promise<RawManifest> {
  const answer = await registry.call({
    method: 'GET',
    path: manifestPath(repository, reference),
    scopes: [pullScope(repository)],
    headers: { accept },
    ok: [200],
    signal,
  })
  const bytes = await readBody(answer, maxManifestBytes, signal)
  const digest = sha256(bytes)
  const promised = digestPattern.test(reference) ? reference : answer.header('docker-content-digest')
  if (promised !== undefined && digestPattern.test(promised) && promised !== digest) {
    throw new RegistryContentError(`${registry.host} sent a manifest that does not match its digest`)
  }
  return { bytes, digest, mediaType: mediaTypeOf(bytes, answer.header('content-type')) }
}

/** The digest of the manifest with a tag or digest; undefined if it does not exist. */
export async function findManifest(
  { registry, repository }: Place,
  reference: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const answer = await registry.call({
    method: 'HEAD',
    path: manifestPath(repository, reference),
    scopes: [pushScope(repository)],
    headers: { accept },
    ok: [200, 404],
    signal,
  })
  await answer.body.dump()
  if (answer.status === 404) return undefined
  const digest = answer.header('docker-content-digest')
  if (digest !== undefined) return digest
  return (await readManifest({ registry, repository }, reference, signal)).digest
}

/** Stores the original bytes. @throws RegistryContentError if the registry reports another digest */
export async function putManifest(
  { registry, repository }: Place,
  { reference, manifest }: { reference: string; manifest: RawManifest },
  signal: AbortSignal,
): Promise<void> {
  const answer = await registry.send({
    method: 'PUT',
    path: manifestPath(repository, reference),
    scopes: [pushScope(repository)],
    headers: { 'content-type': manifest.mediaType },
    body: manifest.bytes,
    ok: [201],
    signal,
  })
  await answer.body.dump()
  const stored = answer.header('docker-content-digest')
  if (stored !== undefined && stored !== manifest.digest) {
    throw new RegistryContentError(`${registry.host} stored the manifest under another digest`)
  }
}

const manifestPath = (repository: string, reference: string) => `/v2/${repository}/manifests/${reference}`
const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const isIndex = (mediaType: string) => mediaType === media.ociIndex || mediaType === media.dockerIndex

/** The media type in the manifest takes precedence over the header, which some proxies change. */
function mediaTypeOf(bytes: Buffer, header: string | undefined): string {
  const own = z.object({ mediaType: z.string() }).safeParse(parseJson(bytes))
  return own.data?.mediaType ?? (header ?? '').replace(/;.*/, '').trim()
}

function imageOf(raw: RawManifest): ImageManifest {
  if (raw.mediaType !== media.ociManifest && raw.mediaType !== media.dockerManifest) {
    throw new UnusableImage('The reference is not an image that Cloudflare can run')
  }
  return { ...raw, ...parseAs(manifestShape, raw) }
}

function parseAs<S extends z.ZodType>(shape: S, raw: RawManifest): z.output<S> {
  const parsed = shape.safeParse(parseJson(raw.bytes))
  if (!parsed.success) throw new UnusableImage('The manifest of the image is invalid')
  return parsed.data
}

/** Checks the platform in the configuration, the only place that names it for an image without an index. */
async function checkPlatform(
  { registry, repository }: Place,
  image: ImageManifest,
  signal: AbortSignal,
): Promise<void> {
  const answer = await registry.call({
    method: 'GET',
    path: `/v2/${repository}/blobs/${image.config.digest}`,
    scopes: [pullScope(repository)],
    ok: [200],
    signal,
  })
  const bytes = await readBody(answer, maxManifestBytes, signal)
  if (sha256(bytes) !== image.config.digest) {
    throw new RegistryContentError(`${registry.host} sent a configuration that does not match its digest`)
  }
  const config = configShape.safeParse(parseJson(bytes))
  const { os, architecture } = config.data ?? {}
  if (os !== 'linux' || architecture !== 'amd64') throw new UnusableImage('The image is not for linux/amd64')
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
