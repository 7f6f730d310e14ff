import { connect, type Socket } from 'node:net'

/**
 * `node bench/orchestrators/crowd.ts <port> <token> <clients>`: WebSocket clients without a library, since what they
 * cost must not slow down what is measured. Tells its parent each update that all of them have got.
 */
const [port = 0, token = '', clients = 0] = process.argv
  .slice(2)
  .map((each, n) => (n === 1 ? each : Number(each)))
const request = [
  `GET /api/v1/ws/status?token=${token} HTTP/1.1`,
  'Host: bench',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')
const marker = '"type":"status_update"'
const stamp = /"type":"status_update","timestamp":"[^"]+","data":\{"timestamp":"([^"]+)"/

/** Arrivals of each update, in milliseconds after its cycle's end. */
const arrivals = new Map<string, number[]>()

function arrived(poll: string): void {
  const times = arrivals.get(poll) ?? []
  times.push(Date.now() - Date.parse(poll))
  arrivals.set(poll, times)
  if (times.length === clients) process.send?.({ poll, times })
}

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(request))
    socket.once('data', (first) => {
      if (!first.toString().includes('101 Switching')) reject(new Error(first.toString()))
      else resolve(socket)
    })
    socket.on('data', (chunk) => {
      // A client that was late gets the end of one message and the next one in one piece.
      for (let at = chunk.indexOf(marker); at !== -1; at = chunk.indexOf(marker, at + marker.length)) {
        const poll = stamp.exec(chunk.subarray(at, at + 200).toString('latin1'))?.[1]
        if (poll !== undefined) arrived(poll)
      }
    })
    socket.on('error', reject)
  })
}

for (let left = Number(clients); left > 0; left -= 100)
  await Promise.all(Array.from({ length: Math.min(100, left) }, open))
process.on('disconnect', () => process.exit())
process.send?.('connected')
