import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { probe } from '../../../src/deployments/execution/health/probe.ts'
import { createOutgoing } from '../../../src/platform/network/outgoing.ts'
import { isPublicAddress, lookupPublic, NotPublic } from '../../../src/platform/network/public-only.ts'

const dispatcher = createOutgoing({ publicOnly: true })
let asked = 0
const server = createServer((_req, res) => {
  asked += 1
  res.end('a service in this network')
})
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
})
afterAll(async () => {
  await dispatcher.destroy()
  await new Promise((resolve) => server.close(resolve))
})

test.each([
  ['1.1.1.1', true],
  ['104.18.2.3', true],
  ['::ffff:104.18.2.3', true],
  ['2606:4700::6812:203', true],
  // What a translator of an IPv6 network makes of 104.18.2.3.
  ['64:ff9b::6812:203', true],
  ['127.0.0.1', false],
  ['0.0.0.0', false],
  ['10.1.2.3', false],
  ['100.64.0.1', false],
  ['169.254.169.254', false],
  ['168.63.129.16', false],
  ['172.16.0.1', false],
  ['172.31.255.255', false],
  ['192.168.1.1', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::1', false],
  ['::', false],
  ['::ffff:10.0.0.1', false],
  ['::7f00:1', false],
  ['64:ff9b::7f00:1', false],
  ['64:ff9b::a9fe:a9fe', false],
  ['64:ff9b::1', false],
  ['fe80::1', false],
  ['fe80::1%eth0', false],
  ['fd00:ec2::254', false],
  ['ff02::1', false],
  ['2002:7f00:1::', false],
  ['not an address', false],
])('the address %s is public: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected)
})

test('a name is refused by the look-up that the connection uses', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  lookupPublic('localhost', { all: true }, (error) => resolve(error))
  expect(await promise).toBeInstanceOf(NotPublic)
})

test.each(['127.0.0.1', 'localhost', '[::ffff:7f00:1]', '2130706433', '0x7f.1'])(
  'the health check of an app at Cloudflare sends no request to %s',
  async (host) => {
    const { port } = server.address() as AddressInfo
    const url = `http://${host}:${port}/`
    const check = { path: '/', expectStatus: 200, timeoutSeconds: 5 }
    const signal = AbortSignal.timeout(10_000)
    const options = { check, deploymentId: 'd', dispatcher, signal, limit: AbortSignal.timeout(5000) }
    const { answer } = await probe({ base: url, url }, options)
    expect(answer).toBe('the host leads to an address that is not public, so not to Cloudflare')
    expect(asked).toBe(0)
  },
)
