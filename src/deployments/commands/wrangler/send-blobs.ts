import { sendBlobs as send } from '../../../../client/src/index.ts'
import type { ApiClient } from '../../../cli/api/client.ts'
import type { Progress } from '../../../cli/index.ts'
import type { Blob } from './contents/files.ts'

const files = (count: number) => `${count} file${count === 1 ? '' : 's'}`

/**
 * Sends the bytes that the service lacks. A repeated call sends only what is still missing.
 * @param progress created at the first blob to send
 * @throws ApiError, ConnectionError
 */
export async function sendBlobs({ api }: ApiClient, blobs: Blob[], progress: () => Progress): Promise<void> {
  let shown: Progress | undefined
  try {
    const sent = await send(api, blobs, {
      onStart(missing) {
        shown = progress()
        const bytes = missing.reduce((sum, { size }) => sum + size, 0)
        shown.begin(`Sending ${files(missing.length)} of ${blobs.length}`, bytes)
      },
      onProgress: (bytes) => shown?.at(bytes),
    })
    const others = sent < blobs.length ? `; the service had the other ${blobs.length - sent}` : ''
    shown?.end(`Sent ${files(sent)} of ${blobs.length}${others}`)
  } catch (error) {
    shown?.end('Sending the files failed')
    throw error
  }
}
