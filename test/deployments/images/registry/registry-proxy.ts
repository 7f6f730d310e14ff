import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ProxiedCall {
  method: string
  path: string
  headers: IncomingMessage['headers']
}

type Meanwhile = () => Promise<void> | void

/** What happens to a call on its way. Bytes are those of the body. */
export type Mishap =
  | { kind: 'answer'; status: number; headers?: Record<string, string>; body?: string }
  /** The connection is reset when so much of the answer has come. */
  | { kind: 'cut answer'; after: number }
  /** ... when so much of the request has gone on to the registry. */
  | { kind: 'cut request'; after: number }
  /** The connection breaks before the registry gets the call. `meanwhile` is awaited at the point that is named. */
  | { kind: 'drop'; meanwhile?: Meanwhile }
  /** The registry does it, and the answer is lost. */
  | { kind: 'lose'; meanwhile?: Meanwhile }
  | { kind: 'pass'; meanwhile?: Meanwhile }
  | { kind: 'without header'; name: string }
  /** One byte of the answer is another one. */
  | { kind: 'corrupt' }

/** A way to a registry on which things go wrong as the test decides. Calls that it lets pass are not changed. */
export async function startRegistryProxy(port: number) {
  const calls: ProxiedCall[] = []
  let decide: (call: ProxiedCall) => Mishap | undefined = () => undefined

  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url: path = '/', headers } = incoming
    const call = { method, path, headers }
    calls.push(call)
    const mishap = decide(call)
    if (mishap?.kind === 'drop') {
      void Promise.resolve(mishap.meanwhile?.()).then(() => outgoing.destroy())
      return
    }
    if (mishap?.kind === 'answer') {
      incoming.resume()
      outgoing.writeHead(mishap.status, mishap.headers).end(mishap.body)
      return
    }
    const far = send({ host: '127.0.0.1', port, method, path, headers, agent: false })
    far.on('response', async (answer) => {
      if (mishap?.kind === 'pass') await mishap.meanwhile?.()
      passOn(answer, outgoing, mishap)
    })
    far.on('error', () => outgoing.destroy())
    outgoing.on('close', () => far.destroy())
    let gone = 0
    incoming.on('data', (chunk: Buffer) => {
      const after = mishap?.kind === 'cut request' ? mishap.after : Number.POSITIVE_INFINITY
      const part = chunk.subarray(0, Math.max(0, after - gone))
      gone += part.length
      if (part.length === chunk.length) {
        far.write(part)
        return
      }
      // What has gone so far arrives before the end does.
      far.write(part, () => {
        far.destroy()
        incoming.destroy()
      })
    })
    incoming.on('end', () => far.end())
    incoming.on('error', () => far.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const own = (server.address() as AddressInfo).port
  return {
    host: `127.0.0.1:${own}`,
    calls,
    /** Decides for each call from now on; undefined lets it pass. */
    decide(next: typeof decide) {
      decide = next
    },
    /** The next `times` calls that match meet the mishap; the others pass. */
    disturb(matches: (call: ProxiedCall) => boolean, mishap: Mishap, times = 1) {
      let left = times
      decide = (call) => (left > 0 && matches(call) && left-- > 0 ? mishap : undefined)
    },
    reset() {
      calls.length = 0
      decide = () => undefined
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function passOn(answer: IncomingMessage, outgoing: ServerResponse, mishap: Mishap | undefined): void {
  if (mishap?.kind === 'lose') {
    answer.resume().on('end', async () => {
      await mishap.meanwhile?.()
      outgoing.destroy()
    })
    return
  }
  if (mishap?.kind === 'without header') delete answer.headers[mishap.name]
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
  let come = 0
  answer.on('data', (chunk: Buffer) => {
    if (mishap?.kind === 'cut answer' && come + chunk.length > mishap.after) {
      outgoing.write(chunk.subarray(0, mishap.after - come), () => outgoing.destroy())
      answer.destroy()
      return
    }
    if (mishap?.kind === 'corrupt' && come === 0 && chunk[10] !== undefined) chunk[10] ^= 1
    come += chunk.length
    outgoing.write(chunk)
  })
  answer.on('end', () => outgoing.end())
  answer.on('error', () => outgoing.destroy())
}
