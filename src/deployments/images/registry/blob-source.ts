import { createHash } from 'node:crypto'
import { pause } from '../../../platform/deadline.ts'
import { isTransient, RegistryContentError, RegistryError, RegistryUnreachable } from './errors.ts'
import type { Descriptor } from './manifest.ts'
import { pullScope, type Registry } from './registry.ts'

/** The number of attempts in a row without a further byte after which a download fails. */
const maxFruitlessAttempts = 5

export interface BlobSource {
  /**
   * Reads the bytes from `from` up to `to`, over as many connections as needed. Yields the last bytes of the blob only
   * if the whole blob matches its digest, so that a wrong blob is never completed.
   */
  read(from: number, to: number): AsyncGenerator<Buffer>
}

export function createBlobSource(options: {
  registry: Registry
  repository: string
  blob: Descriptor
  signal: AbortSignal
}): BlobSource {
  const { registry, blob, signal } = options
  const hash = createHash('sha256')
  let hashed = 0

  function check(at: number, chunk: Buffer): void {
    const end = at + chunk.length
    if (end > blob.size) throw broken()
    // Bytes of a repeated part are hashed only once.
    if (end > hashed) hash.update(chunk.subarray(hashed - at))
    const wasWhole = hashed === blob.size
    hashed = Math.max(hashed, end)
    if (hashed === blob.size && !wasWhole && `sha256:${hash.digest('hex')}` !== blob.digest) throw broken()
  }

  const broken = () =>
    new RegistryContentError(`${registry.host} sent a layer that does not match its digest`)

  return {
    async *read(from, to) {
      let at = from
      let fruitless = 0
      while (at < to) {
        const before = at
        try {
          for await (const chunk of download(options, { from: at, to })) {
            check(at, chunk)
            at += chunk.length
            yield chunk
          }
          if (at < to) throw new RegistryUnreachable(`${registry.host} sent an incomplete layer`)
        } catch (error) {
          signal.throwIfAborted()
          fruitless = at > before ? 0 : fruitless + 1
          if (!isTransient(error) || fruitless >= maxFruitlessAttempts) throw error
          const retryAfterMs = error instanceof RegistryError ? (error.retryAfter ?? 0) * 1000 : 0
          if (retryAfterMs > 10_000) throw error
          await pause(Math.max(retryAfterMs, Math.min(100 * 2 ** fruitless, 4000)), signal)
        }
      }
    },
  }
}

/** Downloads over one connection, which may end early. */
async function* download(
  options: { registry: Registry; repository: string; blob: Descriptor; signal: AbortSignal },
  { from, to }: { from: number; to: number },
): AsyncGenerator<Buffer> {
  const { registry, repository, blob, signal } = options
  const whole = from === 0 && to === blob.size
  const answer = await registry.call({
    method: 'GET',
    path: `/v2/${repository}/blobs/${blob.digest}`,
    scopes: [pullScope(repository)],
    ...(whole ? {} : { headers: { range: `bytes=${from}-${to - 1}` } }),
    ok: [200, 206],
    signal,
  })
  // A registry without support for ranges sends the whole blob.
  let skip = answer.status === 206 ? 0 : from
  let left = to - from
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      if (skip >= chunk.length) {
        skip -= chunk.length
        continue
      }
      const wanted = chunk.subarray(skip, whole ? undefined : skip + left)
      skip = 0
      left -= wanted.length
      yield wanted
      if (left <= 0 && !whole) break
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof RegistryContentError) throw error
    throw new RegistryUnreachable(`${registry.host} broke off the transfer of a layer`, { cause: error })
  }
}
