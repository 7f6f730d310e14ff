import { createBlobSource } from './blob-source.ts'
import { type BlobDestination, hasBlob, mountBlob, uploadBlob } from './blob-upload.ts'
import { RegistryContentError } from './errors.ts'
import { type Descriptor, findManifest, type ImageManifest, putManifest } from './manifest.ts'
import type { Registry } from './registry.ts'

export interface ImageCopy {
  source: { registry: Registry; repository: string }
  destination: { registry: Registry; repository: string; tag: string }
  image: ImageManifest
  signal: AbortSignal
  /** The chunk size, 64 MiB by default. Small chunks need more calls, large ones lose more if a connection breaks. */
  chunkBytes?: number
  /** Called for each blob as soon as it is at the destination. */
  onBlob?(done: { digest: string; size: number; how: BlobOutcome }): void
}

export type BlobOutcome = 'present' | 'mounted' | 'copied'

const defaultChunkBytes = 64 * 1024 * 1024
const maxConcurrentBlobs = 3

/** Layers that must not be redistributed; the runtime fetches them from their source. */
const isForeign = ({ mediaType }: Descriptor) => /foreign|nondistributable/.test(mediaType)

/**
 * Copies an image to the destination under its own digest and the tag. Existing blobs are kept, so the copy can be
 * repeated after a break at any point, and can run twice at the same time.
 * @returns the number of bytes sent
 */
export async function copyImage(copy: ImageCopy): Promise<{ copiedBytes: number }> {
  const { destination, image, signal } = copy
  const place = { registry: destination.registry, repository: destination.repository }
  let copiedBytes = 0
  if ((await findManifest(place, image.digest, signal)) !== image.digest) {
    const ensure = async (blob: Descriptor, joined: AbortSignal) => {
      const how = await ensureBlob({ ...copy, signal: joined }, blob)
      if (how === 'copied') copiedBytes += blob.size
      copy.onBlob?.({ digest: blob.digest, size: blob.size, how })
    }
    const layers = new Map(image.layers.map((blob) => [blob.digest, blob]))
    const copied = [...layers.values()].filter((blob) => !isForeign(blob))
    await eachOf(copied, signal, ensure)
    await ensure(image.config, signal)
  }
  if ((await findManifest(place, destination.tag, signal)) !== image.digest) {
    await putManifest(place, { reference: destination.tag, manifest: image }, signal)
  }
  if ((await findManifest(place, image.digest, signal)) !== image.digest) {
    throw new RegistryContentError(`${place.registry.host} does not show the image under its digest`)
  }
  return { copiedBytes }
}

async function ensureBlob(copy: ImageCopy, blob: Descriptor): Promise<BlobOutcome> {
  const { source, signal, chunkBytes = defaultChunkBytes } = copy
  const { registry, repository } = copy.destination
  const destination: BlobDestination = { registry, repository, chunkBytes, signal }
  if (await hasBlob(destination, blob.digest)) return 'present'
  const sameRegistry = source.registry.host === registry.host && source.repository !== repository
  if (sameRegistry && (await mountBlob(destination, blob.digest, source.repository))) return 'mounted'
  await uploadBlob(destination, blob, createBlobSource({ ...source, blob, signal }))
  return 'copied'
}

/** Works on a few items at the same time; the first failure aborts the others. */
async function eachOf<T>(
  items: T[],
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController()
  const joined = AbortSignal.any([signal, failed.signal])
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) {
      joined.throwIfAborted()
      try {
        await work(item, joined)
      } catch (error) {
        failed.abort(error)
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: maxConcurrentBlobs }, worker))
}
