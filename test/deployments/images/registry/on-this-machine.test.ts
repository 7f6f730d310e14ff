import { createServer } from 'node:http'
import { type AddressInfo, isIPv6 } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createImages } from '../../../../src/deployments/images/images.ts'
import { parseReference, toImageError } from '../../../../src/deployments/images/registry/index.ts'
import { createOutgoing } from '../../../../src/platform/network/outgoing.ts'
import {
  isOwnAddress,
  lookupElsewhere,
  OnThisMachine,
  ownAddresses,
} from '../../../../src/platform/network/this-machine.ts'

const anywhere = createOutgoing()
const elsewhere = createOutgoing({ elsewhereOnly: true })
let asked = 0
const server = createServer((_req, res) => {
  asked += 1
  res.writeHead(404).end(JSON.stringify({ errors: [{ code: 'A', message: 'what a service here says' }] }))
})
beforeAll(async () => {
  server.listen(0)
  await new Promise((resolve) => server.once('listening', resolve))
})
afterAll(async () => {
  await Promise.all([anywhere.destroy(), elsewhere.destroy()])
  await new Promise((resolve) => server.close(resolve))
})

async function inspect(host: string, onThisMachine: boolean): Promise<unknown> {
  const reference = parseReference(`${host}:${(server.address() as AddressInfo).port}/app`)
  if ('problem' in reference) throw new Error(reference.problem)
  const images = createImages({ dispatcher: onThisMachine ? anywhere : elsewhere })
  return images
    .inspect(reference, async () => undefined, AbortSignal.timeout(20_000))
    .catch((error) => toImageError(error))
}

const spelled = ownAddresses()
  .filter((address) => !address.startsWith('fe80'))
  .map((address) => (isIPv6(address) ? `[${address}]` : address))
const hosts = [
  ...['localhost', 'registry.localhost', '127.0.0.1', '127.1', '127.255.255.254', '0x7f000001', '[::1]'],
  ...['0.0.0.0', '[::]', '[::ffff:7f00:1]', '[::ffff:0:0]'],
  ...spelled,
  ...spelled
    .filter((host) => !host.startsWith('['))
    .map((host) => new URL(`http://[::ffff:${host}]`).hostname),
]

test.each(hosts)('a registry at %s gets no requests without the local cloud', async (host) => {
  asked = 0
  expect(await inspect(host, false)).toMatchObject({ code: 'DEPLOY_003', options: { retryable: false } })
  expect(asked).toBe(0)
})

test('a registry on this machine gets requests with the local cloud', async () => {
  asked = 0
  expect(await inspect('127.0.0.1', true)).toMatchObject({ code: 'DEPLOY_003', cause: { status: 404 } })
  expect(asked).toBeGreaterThan(0)
})

test.each(['localhost', '127.0.0.1', '::1', '0.0.0.0'])(
  'A name that resolves to %s is not connected to',
  (name) => {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    lookupElsewhere(name, { all: true }, (error) => resolve(error))
    return expect(promise).resolves.toBeInstanceOf(OnThisMachine)
  },
)

test('an address of another machine is not refused', () => {
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '1.0.0.1', 'not an address'])
    expect([address, isOwnAddress(address)]).toEqual([address, false])
})
