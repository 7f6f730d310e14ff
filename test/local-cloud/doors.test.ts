import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startCloud, temporaryDir } from './harness.ts'

const code = (body: string) => [
  { name: 'main.js', content: `export default { async fetch(request) { ${body} } }` },
]

/** TCP ports on which this process and its children listen. */
function listeningPorts(): number[] {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const parentOf = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1]
    } catch {
      return undefined
    }
  }
  const own = [String(process.pid)]
  for (let at = 0; at < own.length; at++) own.push(...processes.filter((pid) => parentOf(pid) === own[at]))
  const inodes = new Set(own.flatMap(socketsOf))
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1)
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[3] === '0A' && inodes.has(row[9] ?? ''))
    .map((row) => Number.parseInt(row[1]?.split(':')[1] ?? '', 16))
}

function socketsOf(pid: string): string[] {
  const linkOf = (fd: string) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      // Closed meanwhile, like the one that read the folder.
      return ''
    }
  }
  const open = existsSync(`/proc/${pid}/fd`) ? readdirSync(`/proc/${pid}/fd`) : []
  return open.flatMap((fd) => linkOf(fd).match(/^socket:\[(\d+)\]$/)?.[1] ?? [])
}

test.runIf(existsSync('/proc/net/tcp'))(
  'nothing but the gateway answers on the ports behind it',
  async () => {
    const cloud = await startCloud()
    await cloud.put('app', {}, code(`return new Response('the app')`))
    await cloud.publish('app')
    expect((await cloud.get('app')).text).toBe('the app')
    const folder = temporaryDir()
    const hidden = listeningPorts().filter((port) => port !== cloud.port)
    const statuses = new Set<number>()
    for (const port of hidden) {
      const base = `http://127.0.0.1:${port}`
      const prefix = `/core/store-temp-file?prefix=a&extension=x/../../../../../../../..${join(folder, 'stolen')}`
      const attempts = [
        fetch(`${base}/`),
        fetch(`${base}/`, { headers: { host: 'app.localhost', 'x-capstan-gate': 'a guess' } }),
        fetch(`${base}/core/public-url`),
        fetch(`${base}/core/error`, {
          method: 'POST',
          body: '{"name":"E","message":"m","stack":"at x (/etc/hostname:1:1)"}',
        }),
        fetch(`${base}${prefix}`, { method: 'POST', body: 'by a stranger' }),
        fetch(`${base}/cdn-cgi/explorer/api/`),
      ]
      for (const attempt of attempts) {
        const status = await attempt.then((answer) => answer.status).catch(() => 0)
        expect([0, 403, 404]).toContain(status)
        statuses.add(status)
      }
    }
    // Both kinds were met: the front of the Worker, and the services of Miniflare.
    expect([...statuses]).toEqual(expect.arrayContaining([403, 404]))
    expect(readdirSync(folder)).toEqual([])
  },
)

test('an app never sees the header that lets its requests through', async () => {
  const cloud = await startCloud()
  await cloud.put('app', {}, code('return Response.json([...request.headers.keys()])'))
  await cloud.publish('app')
  expect((await cloud.get('app')).text).not.toContain('gate')
})

test('a Worker reaches nothing on this machine, by fetch or by a socket', async () => {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const cloud = await startCloud()
  const content = `
    import { connect } from 'cloudflare:sockets'
    const failed = (work) => work().then(() => 'reached', () => 'refused')
    export default {
      async fetch() {
        const byFetch = await failed(() => fetch('http://127.0.0.1:${port}/'))
        const bySocket = await failed(async () => {
          const socket = connect('127.0.0.1:${port}')
          await socket.opened
        })
        return new Response(byFetch + ' ' + bySocket)
      },
    }`
  await cloud.put('app', {}, [{ name: 'main.js', content }])
  await cloud.publish('app')
  expect((await cloud.get('app')).text).toBe('refused refused')
  expect(connections).toBe(0)
  await new Promise((resolve) => server.close(resolve))
})
