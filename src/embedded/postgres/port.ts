import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** True if nothing listens on this loopback port. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.on('error', () => resolve(false))
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)))
  })
}

/**
 * A free loopback port for permanent use. It is below the range (32768 and up) of the ports of outgoing connections: such
 * a connection could use the port at the next start.
 * @throws Error if no port is free
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(15_000, 30_000)
    if (await isFree(port)) return port
  }
  throw new Error('no free port between 15000 and 30000 on 127.0.0.1')
}
