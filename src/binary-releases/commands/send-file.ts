import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import pRetry from 'p-retry'
import { request } from 'undici'
import type { ApiClient } from '../../cli/api/client.ts'
import { type Progress, plain } from '../../cli/index.ts'
import { createOutgoing } from '../../platform/network/outgoing.ts'
import { hashFile } from './hash-file.ts'
import { type FileAnswer, fileAnswer } from './wire.ts'

interface LocalFile {
  platform: string
  path: string
  name: string
  size: number
}

interface Piece {
  number: number
  offset: number
  size: number
  url: string
}

export interface Sender {
  /** Uploads the parts of a file that the service does not have yet. */
  send(file: LocalFile, progress: Progress): Promise<void>
  close(): Promise<void>
}

/** Parts uploaded concurrently and reported together, so an interruption loses at most these. */
const concurrentParts = 3
const patienceMs = 60_000
const maxFailures = 5

export async function createSender(client: ApiClient, version: string): Promise<Sender> {
  const dispatcher = createOutgoing()

  /** Uploads one piece to its link. @returns its etag */
  async function put(file: LocalFile, piece: Piece, sent: (bytes: number) => void): Promise<string> {
    const headers = { 'content-length': String(piece.size) }
    const answer = await request(piece.url, {
      method: 'PUT',
      // undici accepts any iterable of bytes, although its types do not say so; a `Readable` would read ahead.
      body: chunksOf(file.path, piece, sent) as unknown as Readable,
      headers,
      dispatcher,
    })
    await answer.body.dump()
    if (answer.statusCode !== 200) throw new Error(`the store answered HTTP ${answer.statusCode}`)
    return String(answer.headers.etag ?? '')
  }

  async function send(file: LocalFile, progress: Progress): Promise<void> {
    const { name, platform, size } = file
    progress.begin(`Reading ${plain(name)}`, size)
    const sha256 = await hashFile(file.path, (bytes) => progress.at(bytes))
    progress.end(`Read ${plain(name)}: ${sha256}`)
    let arrivedParts: { number: number; etag: string }[] = []
    let begun = false
    for (let failures = 0; ; ) {
      const answer = await client.call(fileAnswer, {
        method: 'POST',
        path: `/releases/${encodeURIComponent(version)}/files`,
        patienceMs,
        json: { platform, size, sha256, parts: arrivedParts },
      })
      if (answer.state === 'uploaded') {
        progress.end(begun ? `Sent ${plain(name)}` : `Already uploaded: ${plain(name)}`)
        return
      }
      const { pieces, done } = piecesOf(answer, size)
      if (!begun) progress.begin(`Sending ${plain(name)}${done > 0 ? ' (resuming)' : ''}`, size)
      begun = true
      const results = await sendPieces(pieces.slice(0, concurrentParts), done)
      arrivedParts = results.arrived
      // After a failure too, arrived parts are reported and new links requested: the current ones may have expired.
      failures = results.fault === undefined ? 0 : failures + 1
      if (failures >= maxFailures) throw new Error(`cannot upload ${name}: ${results.fault?.message}`)
    }

    async function sendPieces(pieces: Piece[], done: number) {
      let bytes = done
      const count = (sent: number) => {
        bytes += sent
        progress.at(bytes)
      }
      const settled = await Promise.allSettled(
        pieces.map(async (piece) => {
          const again = { retries: 2, minTimeout: 500, shouldRetry: () => true }
          return { number: piece.number, etag: await pRetry(() => put(file, piece, count), again) }
        }),
      )
      const arrived = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
      const [fault] = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason as Error] : []))
      // A file in one piece has no parts to report: the service checks the store for it.
      return { arrived: pieces[0]?.number === 0 ? [] : arrived, fault }
    }
  }

  return { send, close: () => dispatcher.close() }
}

/** Larger than a socket buffer, so the client requests the next chunk only when this one is being sent. */
const chunkBytes = 256 * 1024

/** Reads a piece of a file in chunks through two alternating buffers, so that a large upload leaves no garbage. */
async function* chunksOf(path: string, { offset, size }: Piece, sent: (bytes: number) => void) {
  const [first, second] = [Buffer.allocUnsafeSlow(chunkBytes), Buffer.allocUnsafeSlow(chunkBytes)]
  const file = await open(path)
  try {
    let [current, other] = [first, second]
    for (let at = 0; at < size; [current, other] = [other, current]) {
      const { bytesRead } = await file.read(current, 0, Math.min(chunkBytes, size - at), offset + at)
      if (bytesRead === 0) throw new Error('the file was truncated during the upload')
      yield current.subarray(0, bytesRead)
      at += bytesRead
      sent(bytesRead)
    }
  } finally {
    await file.close()
  }
}

/** The pieces to upload; a file in one piece has the number 0. */
function piecesOf({ upload }: FileAnswer, size: number): { pieces: Piece[]; done: number } {
  const parts = upload?.parts ?? []
  if (upload?.url) return { pieces: [{ number: 0, offset: 0, size, url: upload.url }], done: 0 }
  const pieces = parts.flatMap(({ url, ...part }) => (url === null ? [] : [{ ...part, url }]))
  const missing = pieces.reduce((sum, part) => sum + part.size, 0)
  return { pieces, done: size - missing }
}
