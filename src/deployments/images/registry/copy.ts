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
  /** Default 64 MiB; smaller ones make more calls, larger ones lose more when a connection breaks. */
  chunkBytes?: number
  /** Told of each blob as it is there. */
  onBlob?(done: { digest: string; size: number; how: BlobOutcome }): void
}

export type BlobOutcome = 'present' | 'mounted' | 'copied'

const defaultChunkBytes = 64 * 1024 * 1024
const atOnce = 3

/** Layers that may not be handed on are fetched by the runtime from where they are. */
const isForeign = ({ mediaType }: Descriptor) => /foreign|nondistributable/.test(mediaType)

/**
 * Makes the image exist at the destination under its own digest and the tag. What is there already is left alone, so
 * it can be run again after a break at any point, and twice at once.
 * @returns how many bytes went over the wire.
 */
export async function copyImage(copy: ImageCopy): Promise<{ copiedBytes: number }> {
  const { destination, image, signal } = copy
  const there = { registry: destination.registry, repository: destination.repository }
  let copiedBytes = 0
  if ((await findManifest(there, image.digest, signal)) !== image.digest) {
    const ensure = async (blob: Descriptor, joined: AbortSignal) => {
      const how = await ensureBlob({ ...copy, signal: joined }, blob)
      if (how === 'copied') copiedBytes += blob.size
      copy.onBlob?.({ digest: blob.digest, size: blob.size, how })
    }
    const layers = new Map(image.layers.map((blob) => [blob.digest, blob]))
    const ours = [...layers.values()].filter((blob) => !isForeign(blob))
    await eachOf(ours, signal, ensure)
    await ensure(image.config, signal)
  }
  if ((await findManifest(there, destination.tag, signal)) !== image.digest) {
    await putManifest(there, { reference: destination.tag, manifest: image }, signal)
  }
  if ((await findManifest(there, image.digest, signal)) !== image.digest) {
    throw new RegistryContentError(`${there.registry.host} does not show the image under its digest`)
  }
  return { copiedBytes }
}

async function ensureBlob(copy: ImageCopy, blob: Descriptor): Promise<BlobOutcome> {
  const { source, signal, chunkBytes = defaultChunkBytes } = copy
  const { registry, repository } = copy.destination
  const destination: BlobDestination = { registry, repository, chunkBytes, signal }
  if (await hasBlob(destination, blob.digest)) return 'present'
  const beside = source.registry.host === registry.host && source.repository !== repository
  if (beside && (await mountBlob(destination, blob.digest, source.repository))) return 'mounted'
  await uploadBlob(destination, blob, createBlobSource({ ...source, blob, signal }))
  return 'copied'
}

/** A few at once; the first failure ends the others. */
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
  await Promise.all(Array.from({ length: atOnce }, worker))
}
