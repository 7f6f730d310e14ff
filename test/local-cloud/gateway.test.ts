import { request } from 'node:http'
import type { Duplex } from 'node:stream'
import { setInterval } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { siteOf } from '../../src/local-cloud/gateway/host.ts'
import { pickVersion } from '../../src/local-cloud/gateway/pick-version.ts'
import { getText, startCloud, type TestCloud } from './harness.ts'

const main = (content: string) => [{ name: 'main.js', content }]

async function serve(cloud: TestCloud, name: string, content: string) {
  const reply = await cloud.put(name, {}, main(content))
  expect(reply.message).toBe('')
  await cloud.publish(name)
}

function send(
  cloud: TestCloud,
  name: string,
  options: { method: string; path?: string; headers?: object; body?: string },
) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    headers: NodeJS.Dict<string[]>
    text: string
  }>()
  const { method, path = '/', headers, body } = options
  const host = `${name}.localhost:1234`
  const req = request(
    { host: '127.0.0.1', port: cloud.port, method, path, headers: { host, ...headers } },
    (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headersDistinct, text }))
    },
  )
  req.on('error', reject).end(body)
  return promise
}

test('requests and responses are forwarded unchanged', async () => {
  const cloud = await startCloud()
  await serve(
    cloud,
    'echo',
    `export default {
      async fetch(request) {
        const { method, url, headers, cf } = request
        const headerOf = (name) => headers.get(name)
        const seen = { method, url, body: await request.text(), own: headerOf('x-own'), cf: cf.colo,
          forged: headerOf('cf-worker'), address: headerOf('cf-connecting-ip'), blob: headerOf('mf-cf-blob') }
        const answer = new Response(JSON.stringify(seen), { status: 418 })
        answer.headers.append('set-cookie', 'a=1')
        answer.headers.append('set-cookie', 'b=2')
        return answer
      },
    }`,
  )
  const headers = { 'x-own': 'kept', 'cf-worker': 'forged', 'mf-cf-blob': '{"colo":"forged"}' }
  const reply = await send(cloud, 'echo', { method: 'PATCH', path: '/a/b?c=d', headers, body: 'hello' })
  expect(reply.status).toBe(418)
  expect(reply.headers['set-cookie']).toEqual(['a=1', 'b=2'])
  expect(JSON.parse(reply.text)).toEqual({
    method: 'PATCH',
    url: 'http://echo.localhost:1234/a/b?c=d',
    body: 'hello',
    own: 'kept',
    cf: 'LOCAL',
    forged: null,
    address: '127.0.0.1',
    blob: null,
  })
})

test('redirects, empty answers and uncaught errors pass through', async () => {
  const cloud = await startCloud()
  await serve(
    cloud,
    'odd',
    `export default {
      fetch(request) {
        const { pathname } = new URL(request.url)
        if (pathname === '/away') return Response.redirect('https://example.com/', 302)
        if (pathname === '/none') return new Response(null, { status: 204 })
        throw new Error('uncaught')
      },
    }`,
  )
  const away = await send(cloud, 'odd', { method: 'GET', path: '/away' })
  expect([away.status, away.headers.location]).toEqual([302, ['https://example.com/']])
  expect((await send(cloud, 'odd', { method: 'HEAD', path: '/none' })).status).toBe(204)
  expect((await send(cloud, 'odd', { method: 'GET' })).status).toBe(500)
})

test('bodies stream in both directions', async () => {
  const cloud = await startCloud()
  await serve(cloud, 'pipe', 'export default { fetch: (request) => new Response(request.body) }')
  const { promise, resolve } = Promise.withResolvers<string[]>()
  const options = { host: '127.0.0.1', port: cloud.port, method: 'POST', headers: { host: 'pipe.localhost' } }
  const chunks: string[] = []
  const req = request(options, (res) => {
    res.setEncoding('utf8').on('data', (chunk: string) => {
      chunks.push(chunk)
      // The second part is sent after the first has been received.
      if (chunks.length === 1) req.end('second')
    })
    res.on('end', () => resolve(chunks))
  })
  req.write('first')
  expect(await promise).toEqual(['first', 'second'])
})

/** A WebSocket text frame of less than 126 bytes, masked or not. */
const frame = (text: string) =>
  Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])

function connect(cloud: TestCloud, name: string): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const headers = {
    host: `${name}.localhost`,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  const req = request({ host: '127.0.0.1', port: cloud.port, path: '/room', headers })
  req.on('upgrade', (_answer, socket) => resolve(socket))
  req.on('response', (answer) => reject(new Error(`not upgraded: ${answer.statusCode}`)))
  req.on('error', reject).end()
  return promise
}

async function nextText(socket: Duplex): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  socket.once('data', resolve)
  return (await promise).subarray(2).toString()
}

test('two WebSockets exchange messages through a Durable Object', async () => {
  const cloud = await startCloud()
  const code = `
    import { DurableObject } from 'cloudflare:workers'
    export class Room extends DurableObject {
      async fetch() {
        const [client, server] = Object.values(new WebSocketPair())
        this.ctx.acceptWebSocket(server)
        return new Response(null, { status: 101, webSocket: client })
      }
      webSocketMessage(from, text) {
        for (const socket of this.ctx.getWebSockets()) if (socket !== from) socket.send('said: ' + text)
      }
    }
    export default { fetch: (request, env) => env.ROOM.getByName('lobby').fetch(request) }`
  const bindings = [{ type: 'durable_object_namespace', name: 'ROOM', class_name: 'Room' }]
  const migrations = { new_tag: 'v1', new_sqlite_classes: ['Room'] }
  await cloud.put('chat', { bindings, migrations }, main(code))
  await cloud.publish('chat')
  const [ann, bob] = [await connect(cloud, 'chat'), await connect(cloud, 'chat')]
  const heard = nextText(bob)
  ann.write(frame('hi'))
  expect(await heard).toBe('said: hi')
  // A new version closes the sockets without waiting, as on Cloudflare.
  const cut = new Promise((resolve) => bob.once('close', resolve))
  await cloud.put('chat', { bindings }, main(code))
  await cut
  ann.destroy()
  // Stopping the cloud also closes open sockets.
  await connect(cloud, 'chat')
  await cloud.stop()
})

test('an upgrade that the Worker declines gets its response, and one to an unknown host gets 404', async () => {
  const cloud = await startCloud()
  await serve(cloud, 'plain', 'export default { fetch: () => new Response("no", { status: 426 }) }')
  await expect(connect(cloud, 'plain')).rejects.toThrow('not upgraded: 426')
  await expect(connect(cloud, 'nobody')).rejects.toThrow('not upgraded: 404')
})

test('no request fails while versions are replaced', async () => {
  const cloud = await startCloud()
  await serve(cloud, 'busy', 'export default { fetch: () => new Response("0") }')
  let swapping = true
  const statuses: number[] = []
  const client = async () => {
    for await (const _ of setInterval(5)) {
      if (!swapping) break
      statuses.push((await getText(cloud, 'busy.localhost')).status)
    }
  }
  const clients = [client(), client()]
  for (const label of ['1', '2', '3']) {
    const reply = await cloud.put(
      'busy',
      {},
      main(`export default { fetch: () => new Response('${label}') }`),
    )
    expect(reply.status).toBe(200)
    expect((await cloud.get('busy')).text).toBe(label)
  }
  swapping = false
  await Promise.all(clients)
  expect(new Set(statuses)).toEqual(new Set([200]))
})

test('the Host header selects a script on any port', () => {
  const zones = {
    list: () => [{ id: 'zone', name: 'example.test', createdOn: '' }],
    domains: () => [],
    routes: () => [
      { id: '1', pattern: '*.example.test/api/*', scriptName: 'api' },
      { id: '2', pattern: 'example.test/*', scriptName: 'apex' },
    ],
  }
  const scriptOfHost = (host: string | undefined, url = '/') =>
    siteOf({ zones } as never, { headers: { host }, url } as never)?.script
  expect(scriptOfHost('Hello.localhost:8787')).toBe('hello')
  expect(scriptOfHost('hello.localhost')).toBe('hello')
  expect(scriptOfHost('shop.example.test:8787', '/api/x?y')).toBe('api')
  expect(scriptOfHost('shop.example.test', '/other')).toBeUndefined()
  expect(scriptOfHost('Example.test')).toBe('apex')
  for (const host of [undefined, 'localhost', 'a.b.localhost', 'hello.localhost.evil.com', '127.0.0.1:80']) {
    expect(scriptOfHost(host)).toBeUndefined()
  }
})

test('a version key always selects the same version, and an override the named version', () => {
  const shares = [
    { version_id: 'a', percentage: 50 },
    { version_id: 'b', percentage: 50 },
  ]
  const keyed = (key: string) => pickVersion(shares, { 'cloudflare-workers-version-key': key }, 'app')
  for (const key of ['x', 'y', 'z']) expect(keyed(key)).toBe(keyed(key))
  const override = (text: string) =>
    pickVersion(shares, { 'cloudflare-workers-version-overrides': text }, 'app')
  expect(override('other="a", app="b"')).toBe('b')
  expect(pickVersion([{ version_id: 'a', percentage: 100 }], {}, 'app')).toBe('a')
  expect(['a', 'b']).toContain(override('app="unknown"'))
})
