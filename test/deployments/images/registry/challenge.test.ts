import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { parseChallenge } from '../../../../src/deployments/images/registry/challenge.ts'
import { createRegistry, resolveImage } from '../../../../src/deployments/images/registry/index.ts'
import { createOutgoing } from '../../../../src/platform/network/outgoing.ts'

const dispatcher = createOutgoing()
const servers: Server[] = []
afterAll(async () => {
  await dispatcher.destroy()
  for (const server of servers) server.close()
})

async function serve(handle: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(handle)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.each([
  [
    'Bearer realm="https://a/token",service="r"',
    { scheme: 'bearer', realm: 'https://a/token', service: 'r' },
  ],
  ['Basic realm="r", Bearer realm="https://a"', { scheme: 'bearer', realm: 'https://a', service: undefined }],
  ['Basic realm="with \\" quote"', { scheme: 'basic' }],
  ['BASIC', { scheme: 'basic' }],
  ['Negotiate', { scheme: 'unknown' }],
])('%s', (header, found) => expect(parseChallenge(header)).toEqual(found))

test.each(['a', 'a ', ' ', 'a=', 'a="\\', 'a,', '_'])('a long header of %j is parsed quickly', (part) => {
  const startedAt = performance.now()
  parseChallenge(`${part.repeat(60_000)}!`)
  expect(performance.now() - startedAt).toBeLessThan(500)
})

test('the host of a redirect never receives the credentials, even if it sends a challenge', async () => {
  const asked: string[] = []
  const other: string = await serve((req, res) => {
    asked.push(`${req.url?.split('?')[0]} ${req.headers.authorization ?? 'nothing'}`)
    res.writeHead(401, { 'WWW-Authenticate': `Bearer realm="http://${other}/token"` }).end()
  })
  const host = await serve((req, res) => {
    if (req.headers.authorization === undefined)
      return res.writeHead(401, { 'WWW-Authenticate': 'Basic realm="r"' }).end()
    if (req.url === '/v2/') return res.writeHead(200).end()
    return res.writeHead(307, { Location: `http://${other}${req.url}` }).end()
  })
  const login = async () => ({ username: 'bob', password: 'of bob' })
  const registry = createRegistry({ host, dispatcher, login })
  const resolved = resolveImage({ registry, repository: 'a' }, 'one', AbortSignal.timeout(60_000))
  await expect(resolved).rejects.toMatchObject({ status: 401 })
  expect(asked).not.toEqual([])
  expect(asked.filter((each) => !each.endsWith(' nothing'))).toEqual([])
})
