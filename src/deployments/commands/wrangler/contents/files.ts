import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'

/** Bytes that the service needs before it prepares the plan. */
export interface Blob {
  /** The SHA-256 in hexadecimal digits. */
  digest: string
  size: number
  read(): Promise<Uint8Array<ArrayBuffer>>
}

/** A blob in memory. */
export function blobOf(bytes: Buffer<ArrayBuffer>): Blob {
  return {
    digest: createHash('sha256').update(bytes).digest('hex'),
    size: bytes.length,
    read: async () => bytes,
  }
}

/** A blob whose bytes stay in a file. */
export async function blobOfFile(file: string): Promise<Blob> {
  const hash = createHash('sha256')
  let size = 0
  await pipeline(createReadStream(file), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk)
      size += chunk.length
    }
  })
  return { digest: hash.digest('hex'), size, read: () => readFile(file) }
}

/** Calls `work` for each item, at most `limit` at a time. @returns the results in the order of the items */
export async function mapLimited<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length)
  const queue = items.entries()
  const run = async () => {
    for (const [index, item] of queue) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run))
  return results
}
