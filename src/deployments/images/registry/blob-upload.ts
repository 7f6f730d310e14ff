import { Readable } from 'node:stream'
import { pause } from '../../../platform/deadline.ts'
import type { BlobSource } from './blob-source.ts'
import { isTransient, RegistryContentError, RegistryError } from './errors.ts'
import type { Answer } from './http.ts'
import type { Descriptor } from './manifest.ts'
import { pullScope, pushScope, type Registry } from './registry.ts'

export interface BlobDestination {
  registry: Registry
  repository: string
  /** Blobs up to this size are sent in one call, larger ones in chunks, so that a break costs one chunk. */
  chunkBytes: number
  signal: AbortSignal
}

/** The state of an upload according to the registry's last answer. */
interface Session {
  location: URL
  /** The number of bytes that the registry has received. */
  offset: number
  chunkBytes: number
}

const maxFruitlessAttempts = 5

export async function hasBlob({ registry, repository, signal }: BlobDestination, digest: string) {
  const answer = await registry.call({
    method: 'HEAD',
    path: `/v2/${repository}/blobs/${digest}`,
    ...{ scopes: [pushScope(repository)], ok: [200, 404], signal },
  })
  await answer.body.dump()
  return answer.status === 200
}

/** Asks the registry to mount the blob from another repository of its own. @returns true if it did */
export async function mountBlob(
  destination: BlobDestination,
  digest: string,
  from: string,
): Promise<boolean> {
  const { registry, repository, signal } = destination
  const answer = await registry.call({
    method: 'POST',
    path: `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`,
    ...{ scopes: [pushScope(repository), pullScope(from)], ok: [201, 202], signal },
    headers: { 'content-length': '0' },
  })
  await answer.body.dump()
  return answer.status === 201
}

/** Uploads a blob. After a break it resumes where the registry stopped, or starts over if that is unknown. */
export async function uploadBlob(
  destination: BlobDestination,
  blob: Descriptor,
  source: BlobSource,
): Promise<void> {
  let session: Session | undefined
  let furthest = 0
  for (let fruitless = 0; ; ) {
    try {
      session ??= await begin(destination)
      while (session.offset < blob.size && blob.size > session.chunkBytes) {
        session = await sendChunk(destination, session, { blob, source })
        if (session.offset > furthest) fruitless = 0
        furthest = Math.max(furthest, session.offset)
      }
      await finish(destination, session, { blob, source })
      return
    } catch (error) {
      destination.signal.throwIfAborted()
      if (error instanceof SourceFault) throw error.cause
      if (!isResumable(error) || ++fruitless >= maxFruitlessAttempts) throw error
      const retryAfterMs = error instanceof RegistryError ? (error.retryAfter ?? 0) * 1000 : 0
      if (retryAfterMs > 10_000) throw error
      await pause(Math.max(retryAfterMs, 100 * 2 ** fruitless), destination.signal)
      // Perhaps only the answer was lost.
      if (await hasBlob(destination, blob.digest)) return
      session = session === undefined ? undefined : await progressOf(destination, session)
    }
  }
}

/** 401 means that the token has expired; the next call gets a new one. 404 and 416 mean that the session is invalid. */
function isResumable(error: unknown): boolean {
  return isTransient(error) || (error instanceof RegistryError && [401, 404, 416].includes(error.status))
}

/** The blob could not be read from its source, as opposed to a failure of the upload. */
class SourceFault extends Error {}

async function begin({ registry, repository, chunkBytes, signal }: BlobDestination): Promise<Session> {
  const answer = await registry.call({
    method: 'POST',
    path: `/v2/${repository}/blobs/uploads/`,
    ...{ scopes: [pushScope(repository)], ok: [202], signal, headers: { 'content-length': '0' } },
  })
  await answer.body.dump()
  const limit = (name: string) => Number(answer.header(name) ?? Number.NaN)
  const minBytes = limit('oci-chunk-min-length')
  const maxBytes = limit('oci-chunk-max-length')
  let size = chunkBytes
  if (minBytes > 0) size = Math.max(size, minBytes)
  if (maxBytes > 0) size = Math.min(size, maxBytes)
  return { location: locationOf(registry, answer), offset: 0, chunkBytes: size }
}

async function sendChunk(
  { registry, repository, signal }: BlobDestination,
  session: Session,
  { blob, source }: { blob: Descriptor; source: BlobSource },
): Promise<Session> {
  const { offset } = session
  const end = Math.min(offset + session.chunkBytes, blob.size)
  const answer = await withBody(source.read(offset, end), (body) =>
    registry.send({
      method: 'PATCH',
      path: session.location,
      scopes: [pushScope(repository)],
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(end - offset),
        // The protocol's form has no "bytes" prefix.
        'content-range': `${offset}-${end - 1}`,
      },
      ...{ body, ok: [202], signal },
    }),
  )
  await answer.body.dump()
  return { ...session, location: locationOf(registry, answer), offset: offsetOf(answer) ?? end }
}

async function finish(
  { registry, repository, signal }: BlobDestination,
  session: Session,
  { blob, source }: { blob: Descriptor; source: BlobSource },
): Promise<void> {
  const path = new URL(session.location)
  path.searchParams.set('digest', blob.digest)
  const left = blob.size - session.offset
  const request = {
    method: 'PUT' as const,
    ...{ path, scopes: [pushScope(repository)], ok: [201], signal },
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(left) },
  }
  const answer =
    left === 0
      ? await registry.send(request)
      : await withBody(source.read(session.offset, blob.size), (body) => registry.send({ ...request, body }))
  await answer.body.dump()
}

/** The progress of an upload; undefined if it must start over. */
async function progressOf(
  { registry, repository, signal }: BlobDestination,
  session: Session,
): Promise<Session | undefined> {
  try {
    const answer = await registry.call({
      method: 'GET',
      path: session.location,
      ...{ scopes: [pushScope(repository)], ok: [204], signal },
    })
    await answer.body.dump()
    const offset = offsetOf(answer)
    if (offset === undefined) return undefined
    return { ...session, location: locationOf(registry, answer, session.location), offset }
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}

/** The next offset of a Range header: 100 for `0-99`. `0-0` means no byte or one; that byte is sent again. */
function offsetOf(answer: Answer): number | undefined {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(answer.header('range') ?? '')?.[1]
  if (last === undefined) return undefined
  return last === '0' ? 0 : Number(last) + 1
}

function locationOf(registry: Registry, answer: Answer, known?: URL): URL {
  const location = answer.header('location')
  if (location === undefined) {
    if (known !== undefined) return known
    throw new RegistryContentError(`${registry.host} started an upload without a Location header`)
  }
  return new URL(location, registry.origin)
}

/** Distinguishes a failure of the source from one of the destination: both look like a broken call. */
async function withBody<T>(bytes: AsyncGenerator<Buffer>, send: (body: Readable) => Promise<T>): Promise<T> {
  let fault: unknown
  async function* watched() {
    try {
      yield* bytes
    } catch (error) {
      fault = error
      throw error
    }
  }
  try {
    return await send(Readable.from(watched(), { objectMode: false }))
  } catch (error) {
    if (fault !== undefined)
      throw new SourceFault('could not read the blob from its source', { cause: fault })
    throw error
  }
}
