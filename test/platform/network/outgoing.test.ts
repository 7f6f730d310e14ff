import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fetch } from 'undici'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createOutgoing } from '../../../src/platform/network/outgoing.ts'

let servers: Server[] = []
beforeEach(() => {
  servers = []
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
})

async function listening(answer: string): Promise<number> {
  const server = createServer((_req, res) => res.end(answer))
  server.on('connect', (_req, socket) => socket.end('HTTP/1.1 502 proxied\r\n\r\n'))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function answerOf(url: string): Promise<string> {
  const dispatcher = createOutgoing()
  try {
    return await (await fetch(url, { dispatcher })).text()
  } finally {
    await dispatcher.destroy()
  }
}

test.each(['127.0.0.1', 'localhost', 'hello.localhost'])('%s is reached without a proxy', async (host) => {
  const proxy = await listening('the proxy')
  const target = await listening('the target')
  vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${proxy}`)
  vi.stubEnv('NO_PROXY', 'elsewhere.example')
  expect(await answerOf(`http://${host}:${target}/`)).toBe('the target')
})
