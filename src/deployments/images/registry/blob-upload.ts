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
  /** A blob up to this size goes in one call; a longer one in pieces of it, so that a break costs one piece. */
  chunkBytes: number
  signal: AbortSignal
}

/** An upload that has begun, as the registry's last answer described it. */
interface Session {
  location: URL
  /** How many bytes the registry has. */
  offset: number
  chunkBytes: number
}

const mostFruitless = 5

export async function hasBlob({ registry, repository, signal }: BlobDestination, digest: string) {
  const answer = await registry.call({
    method: 'HEAD',
    path: `/v2/${repository}/blobs/${digest}`,
    ...{ scopes: [pushScope(repository)], ok: [200, 404], signal },
  })
  await answer.body.dump()
  return answer.status === 200
}

/** Asks the registry to take the blob over from a repository beside. @returns whether it did. */
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

/** Uploads a blob; breaks are resumed from where the registry has got to, or begun anew where it can't tell. */
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
      if (!isResumable(error) || ++fruitless >= mostFruitless) throw error
      const told = error instanceof RegistryError ? (error.retryAfter ?? 0) * 1000 : 0
      if (told > 10_000) throw error
      await pause(Math.max(told, 100 * 2 ** fruitless), destination.signal)
      // Its answer may be all that was lost.
      if (await hasBlob(destination, blob.digest)) return
      session = session === undefined ? undefined : await progressOf(destination, session)
    }
  }
}

/** 401: the token ended in the middle, and the next call gets a new one. 404 and 416: the session is of no use. */
function isResumable(error: unknown): boolean {
  return isTransient(error) || (error instanceof RegistryError && [401, 404, 416].includes(error.status))
}

/** The blob could not be read: no matter of the upload. */
class SourceFault extends Error {}

async function begin({ registry, repository, chunkBytes, signal }: BlobDestination): Promise<Session> {
  const answer = await registry.call({
    method: 'POST',
    path: `/v2/${repository}/blobs/uploads/`,
    ...{ scopes: [pushScope(repository)], ok: [202], signal, headers: { 'content-length': '0' } },
  })
  await answer.body.dump()
  const limit = (name: string) => Number(answer.header(name) ?? Number.NaN)
  const least = limit('oci-chunk-min-length')
  const most = limit('oci-chunk-max-length')
  let size = chunkBytes
  if (least > 0) size = Math.max(size, least)
  if (most > 0) size = Math.min(size, most)
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
        // The protocol's own form, without "bytes".
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

/** How far an upload has got; undefined when it has to begin anew. */
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

/** `0-99`: it has 100 bytes. `0-0` means none or one, which is sent again. */
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

/** Tells the source's failure from the destination's, which would look the same: a call that broke off. */
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
