import { z } from 'zod'
import type { ApiClient } from '../../../cli/api/client.ts'
import type { Progress } from '../../../cli/index.ts'
import { type Blob, mapLimited } from './contents/files.ts'

const sendingAtOnce = 4
/** The API takes this many digests in one call. */
const digestsPerCall = 10_000
/** Time to wait for the API to return, or to accept more calls of this user. */
const patienceMs = 120_000

const missingAnswer = z
  .object({ data: z.looseObject({ missing: z.array(z.string()) }) })
  .transform(({ data }) => data.missing)
const sentAnswer = z.object({ data: z.looseObject({}) })

/**
 * Sends the bytes that the service lacks. A repeated call sends only what is still missing.
 * @param progress created at the first blob to send
 * @throws ApiError, Unreachable
 */
export async function sendBlobs(client: ApiClient, blobs: Blob[], progress: () => Progress): Promise<void> {
  const missing = await missingOf(client, blobs)
  const wanted = blobs.filter(({ digest }) => missing.has(digest))
  if (wanted.length === 0) return
  const shown = progress()
  const files = (count: number) => `${count} file${count === 1 ? '' : 's'}`
  shown.begin(
    `Sending ${files(wanted.length)} of ${blobs.length}`,
    wanted.reduce((sum, { size }) => sum + size, 0),
  )
  let sent = 0
  try {
    await mapLimited(wanted, sendingAtOnce, async (blob) => {
      const body = await blob.read()
      await client.call(sentAnswer, { method: 'PUT', path: `/deploy/blobs/${blob.digest}`, body, patienceMs })
      sent += blob.size
      shown.at(sent)
    })
  } catch (error) {
    shown.end('Sending the files failed')
    throw error
  }
  const others =
    wanted.length < blobs.length ? `; the service had the other ${blobs.length - wanted.length}` : ''
  shown.end(`Sent ${files(wanted.length)} of ${blobs.length}${others}`)
}

async function missingOf(client: ApiClient, blobs: Blob[]): Promise<Set<string>> {
  const missing = new Set<string>()
  for (let at = 0; at < blobs.length; at += digestsPerCall) {
    const digests = blobs.slice(at, at + digestsPerCall).map(({ digest }) => digest)
    const call = { method: 'POST', path: '/deploy/blobs/missing', json: { digests }, patienceMs } as const
    for (const digest of await client.call(missingAnswer, call)) missing.add(digest)
  }
  return missing
}
