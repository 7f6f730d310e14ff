import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createImages } from '../../../src/deployments/containers/images.ts'
import { parseReference } from '../../../src/deployments/registry/index.ts'
import { createOutgoing } from '../../../src/platform/outgoing.ts'

const dispatcher = createOutgoing()
let asked = 0
const server = createServer((_req, res) => {
  asked += 1
  res.writeHead(404).end(JSON.stringify({ errors: [{ code: 'A', message: 'what a service here says' }] }))
})
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
})
afterAll(async () => {
  await dispatcher.destroy()
  await new Promise((resolve) => server.close(resolve))
})

async function inspect(host: string, onThisMachine: boolean): Promise<unknown> {
  const reference = parseReference(`${host}:${(server.address() as AddressInfo).port}/app`)
  if ('problem' in reference) throw new Error(reference.problem)
  const images = createImages({ dispatcher, onThisMachine })
  return images.inspect(reference, async () => undefined, AbortSignal.timeout(20_000)).catch((error) => error)
}

test.each(['localhost', 'registry.localhost', '127.0.0.1', '127.1', '0x7f000001', '[::1]'])(
  'a registry at %s is asked nothing where the local cloud does not run',
  async (host) => {
    asked = 0
    expect(await inspect(host, false)).toMatchObject({ code: 'DEPLOY_003', options: { retryable: false } })
    expect(asked).toBe(0)
  },
)

test('beside the local cloud it is asked', async () => {
  asked = 0
  expect(await inspect('127.0.0.1', true)).toMatchObject({ name: 'RegistryError', status: 404 })
  expect(asked).toBeGreaterThan(0)
})
