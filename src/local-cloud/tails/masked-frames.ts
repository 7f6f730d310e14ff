import { Duplex, Transform } from 'node:stream'

const maskBit = 0x80
const noMask = Buffer.alloc(4)

/**
 * The connection of a WebSocket client, with all of its frames masked. `wrangler tail` sends its first frame without a mask,
 * which Cloudflare accepts and the protocol forbids; a mask of zeros leaves the content as it is.
 * @param head what was read of the connection already
 */
export function withMaskedFrames(socket: Duplex, head: Buffer): Duplex {
  if (head.length > 0) socket.unshift(head)
  let pending = Buffer.alloc(0)
  /** Bytes of the present frame that are still to be passed on. */
  let left = 0
  const transform = new Transform({
    transform(chunk: Buffer, _, done) {
      pending = Buffer.concat([pending, chunk])
      while (pending.length > 0) {
        if (left > 0) {
          const part = pending.subarray(0, left)
          left -= part.length
          pending = pending.subarray(part.length)
          this.push(part)
          continue
        }
        const header = headerOf(pending)
        if (header === undefined) break
        this.push(header.masked)
        pending = pending.subarray(header.size)
        left = header.rest
      }
      done()
    },
  })
  socket.on('error', (error) => transform.destroy(error))
  return Duplex.from({ readable: socket.pipe(transform), writable: socket })
}

/** The head of a frame, without the mask's key if it has one; undefined if it is not complete yet. */
function headerOf(bytes: Buffer): { masked: Buffer; size: number; rest: number } | undefined {
  const second = bytes[1]
  if (second === undefined) return undefined
  const short = second & 0x7f
  const size = short === 127 ? 10 : short === 126 ? 4 : 2
  if (bytes.length < size) return undefined
  const length =
    short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
  const isMasked = (second & maskBit) !== 0
  const head = Buffer.from(bytes.subarray(0, size))
  head[1] = second | maskBit
  return isMasked
    ? { masked: head, size, rest: noMask.length + length }
    : { masked: Buffer.concat([head, noMask]), size, rest: length }
}
