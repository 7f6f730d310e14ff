import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

/** The SHA-256 of a file, read through one reused buffer. @param onRead called with the bytes read so far */
export async function hashFile(path: string, onRead: (bytes: number) => void): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(1024 * 1024)
  const file = await open(path)
  try {
    for (let bytes = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
      bytes += bytesRead
      onRead(bytes)
    }
  } finally {
    await file.close()
  }
}
