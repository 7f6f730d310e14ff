import type { CapstanClient } from './client.ts'

/** Bytes that a deployment names by their digest. */
export interface Blob {
  /** The SHA-256 of the bytes, in the form that the requests of deployments use. */
  digest: string
  /** In bytes. */
  size: number
  read(): Promise<Uint8Array<ArrayBuffer>>
}

export interface SendOptions {
  signal?: AbortSignal
  /** Called once, before the first blob is sent; not called if the service has them all. */
  onStart?(missing: Pick<Blob, 'digest' | 'size'>[]): void
  /** Called after each blob, with the bytes sent so far. */
  onProgress?(sentBytes: number): void
}

const sendingAtOnce = 4
/** The API takes this many digests in one call. */
const digestsPerCall = 10_000
/** Time to wait for the API to return, or to accept more calls of this user. */
const patienceMs = 120_000

/**
 * Sends the bytes that the service lacks. A repeated call sends only what is still missing.
 * @returns the number of blobs that were sent
 * @throws ApiError, ConnectionError, and the errors of `read`
 */
export async function sendBlobs(
  client: CapstanClient,
  blobs: readonly Blob[],
  { signal, onStart, onProgress }: SendOptions = {},
): Promise<number> {
  const options = { patienceMs, ...(signal === undefined ? {} : { signal }) }
  const missing = new Set<string>()
  for (let at = 0; at < blobs.length; at += digestsPerCall) {
    const digests = blobs.slice(at, at + digestsPerCall).map(({ digest }) => digest)
    const found = await client.call('findMissingBlobs', { body: { digests }, ...options })
    for (const digest of found.missing) missing.add(digest)
  }
  const waiting = blobs.filter(({ digest }) => missing.delete(digest))
  if (waiting.length === 0) return 0
  onStart?.(waiting)
  const queue = waiting.values()
  let sent = 0
  let failed = false
  const sendNext = async () => {
    for (const blob of queue) {
      if (failed) return
      await client.call('uploadBlob', { path: { digest: blob.digest }, body: await blob.read(), ...options })
      sent += blob.size
      onProgress?.(sent)
    }
  }
  const stop = (error: unknown) => {
    failed = true
    throw error
  }
  await Promise.all(Array.from({ length: sendingAtOnce }, () => sendNext().catch(stop)))
  return waiting.length
}
