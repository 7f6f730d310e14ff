import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, isIPv6 } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { redact } from '../../../src/local-cloud/runtime/startup/check.ts'
import { ownAddresses } from '../../../src/platform/network/this-machine.ts'
import { counter, counterBinding, firstMigration, startCloud, type TestCloud } from '../harness.ts'

async function serve(cloud: TestCloud, name: string, content: string) {
  const reply = await cloud.put(name, {}, [{ name: 'main.js', content }])
  expect(reply.message).toBe('')
  await cloud.publish(name)
}

/** The pids of this process and all of its descendants. */
function family(): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [, ppid] = /^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
        return [[Number(pid), Number(ppid)] as const]
      } catch {
        return []
      }
    })
  const found = [process.pid]
  for (const pid of found) found.push(...parents.filter(([, parent]) => parent === pid).map(([own]) => own))
  return found
}

/** The TCP ports on which this process and its workerd processes listen. */
function listening(): number[] {
  const inodes = new Set(
    family().flatMap((pid) => {
      try {
        return readdirSync(`/proc/${pid}/fd`).map((fd) => {
          try {
            return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
          } catch {
            return undefined
          }
        })
      } catch {
        return []
      }
    }),
  )
  const lines = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n'))
  const fields = lines.map((line) => line.trim().split(/\s+/))
  const own = fields.filter(([, , , state, , , , , , inode]) => state === '0A' && inodes.has(inode))
  return own.map(([, local]) => Number.parseInt(local?.split(':')[1] ?? '', 16))
}

function ask(port: number, method: string, path: string, headers: Record<string, string> = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const finish = (answer: IncomingMessage) => {
    let text = ''
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
  }
  const body = method === 'POST' ? 'planted' : undefined
  const req = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, finish)
  req.on('upgrade', (answer, socket) => {
    socket.destroy()
    resolve({ status: answer.statusCode ?? 0, text: 'upgraded' })
  })
  req.on('error', reject).end(body)
  return promise
}

test.skipIf(process.platform !== 'linux')(
  'no port except the gateway responds to requests without credentials',
  async () => {
    const before = listening()
    const cloud = await startCloud()
    await cloud.put('counts', { bindings: [counterBinding()], migrations: firstMigration }, counter('app'))
    await cloud.publish('counts')
    expect((await cloud.get('counts')).text).toBe('app 1')
    const version = (await cloud.script('GET', 'counts/versions')).result.items[0].id
    const inner = listening().filter((port) => !before.includes(port) && port !== cloud.port)
    // The ports are Miniflare's loopback server, its entry port and the socket of the Worker.
    expect(inner.length).toBeGreaterThanOrEqual(3)

    const mark = `planted-${process.pid}-${cloud.port}`
    const store = `/core/store-temp-file?prefix=../../${mark}&extension=txt`
    const paths = [
      '/',
      store,
      '/core/error',
      '/core/public-url',
      '/core/dev-registry',
      '/cdn-cgi/explorer/api',
    ]
    const disguises: Record<string, string>[] = [
      {},
      { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' },
      { 'mf-original-url': `http://localhost${store}` },
      { 'mf-route-override': version },
      { 'mf-route-override': 'candidate' },
      { 'mf-capstan-gate': 'guessed' },
      { 'mf-custom-fetch-service': 'MINIFLARE_IMAGES_BINDING_SERVICE' },
    ]
    for (const port of inner) {
      for (const path of paths) {
        for (const headers of disguises) {
          for (const method of ['GET', 'POST']) {
            const answer = await ask(port, method, path, { ...headers })
            expect([403, 404], JSON.stringify({ port, path, headers, method, answer })).toContain(
              answer.status,
            )
            expect(answer.text).not.toContain('app')
          }
        }
      }
    }
    expect(readdirSync(tmpdir()).filter((name) => name.includes(mark))).toEqual([])
    expect((await cloud.get('counts')).text).toBe('app 2')
  },
)

const ownHosts = [
  ...[
    '127.0.0.1',
    '127.0.0.2',
    'localhost',
    '[::1]',
    '0.0.0.0',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:0.0.0.0]',
  ],
  ...ownAddresses().map((address) => (isIPv6(address) ? `[${address}]` : address)),
  ...ownAddresses().flatMap((address) => (isIPv6(address) ? [] : [`[::ffff:${address}]`])),
  hostname(),
]

const prober = (port: number) => `
  import { connect } from 'cloudflare:sockets'
  const tried = async (work) => {
    try { return await work() } catch (error) { return 'refused' }
  }
  const probe = async (host) => [
    await tried(async () => (await fetch('http://' + host + ':${port}/fetched')).text()),
    await tried(async () => {
      const socket = connect(host + ':${port}')
      const writer = socket.writable.getWriter()
      await writer.write(new TextEncoder().encode('GET /connected HTTP/1.0\\r\\n\\r\\n'))
      return new Response(socket.readable).text()
    }),
  ]
  export default {
    async fetch() {
      return Response.json((await Promise.all(${JSON.stringify(ownHosts)}.map(probe))).flat())
    },
  }`

test('a Worker can reach nothing on this machine, neither when it runs nor during its startup check', async () => {
  const seen: string[] = []
  const host = createServer((req, res) => {
    seen.push(req.url ?? '')
    res.end('secret of the host')
  })
  await new Promise<void>((resolve) => host.listen(0, resolve))
  const { port } = host.address() as AddressInfo
  try {
    const cloud = await startCloud()
    await serve(cloud, 'probe', prober(port))
    expect(JSON.parse((await cloud.get('probe')).text)).toEqual(Array(2 * ownHosts.length).fill('refused'))
    const early = `await fetch('http://127.0.0.1:${port}/early').catch(() => {})\nexport default { fetch() {} }`
    await cloud.put('early', {}, [{ name: 'main.js', content: early }])
    expect(seen).toEqual([])
  } finally {
    host.close()
  }
})

test('a Worker sees the gate secret neither in the headers nor in its environment', async () => {
  const cloud = await startCloud()
  await serve(
    cloud,
    'curious',
    'export default { fetch: (request, env) => Response.json([[...request.headers.keys()], Object.keys(env)]) }',
  )
  const [headers, env] = JSON.parse((await cloud.get('curious')).text)
  expect(headers).toContain('host')
  expect(headers.filter((name: string) => name.startsWith('mf-'))).toEqual([])
  expect(env).toEqual([])
})

test('a secret that contains a shorter secret is masked completely', () => {
  const secret = (text: string) => ({ type: 'secret_text' as const, name: text, text })
  expect(redact('it is abcdef', [secret('abc'), secret('abcdef')])).toBe('it is [secret]')
})
