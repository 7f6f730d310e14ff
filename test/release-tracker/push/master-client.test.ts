import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMasterClient, notDelivered } from '../../../src/release-tracker/push/sending/master-client.ts'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
if (!hasOpenssl) console.info('SKIPPED: the way to a master over TLS; openssl is not installed')

describe.skipIf(!hasOpenssl)('the way to a master', () => {
  let folder: string
  let master: Server
  let proxy: Server
  const tunnels: string[] = []
  const portOf = (server: Server) => (server.address() as AddressInfo).port
  const listening = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const signal = () => AbortSignal.timeout(20_000)

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'capstan-master-'))
    const at = (name: string) => join(folder, name)
    const openssl = (...args: string[]) => {
      const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' })
      if (status !== 0) throw new Error(stderr)
    }
    const subject = ['-subj', '/CN=master.example.org']
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=Test CA',
    )
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-out', 'request.pem', ...subject)
    writeFileSync(at('names'), 'subjectAltName=DNS:master.example.org,IP:127.0.0.1')
    openssl(
      'x509',
      '-req',
      '-in',
      'request.pem',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'names',
      '-out',
      'cert.pem',
    )
    master = createServer(
      { key: readFileSync(at('key.pem')), cert: readFileSync(at('cert.pem')) },
      (req, res) => {
        if (req.url === '/moved') res.writeHead(302, { location: 'https://elsewhere.example.org/' }).end()
        else
          res.writeHead(429, { 'retry-after': '7' }).end(JSON.stringify({ key: req.headers.authorization }))
      },
    )
    await listening(master)
    proxy = createHttpServer()
    proxy.on('connect', (req, socket, head) => {
      tunnels.push(req.url ?? '')
      // The proxy finds a host that only it knows.
      const far = connect(portOf(master), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        far.write(head)
        far.pipe(socket)
        socket.pipe(far)
      })
      far.on('error', () => socket.destroy())
      socket.on('error', () => far.destroy())
    })
    await listening(proxy)
  })
  afterAll(async () => {
    for (const server of [master, proxy]) {
      server?.closeAllConnections()
      await new Promise((resolve) => server?.close(resolve))
    }
    rmSync(folder, { recursive: true, force: true })
  })

  async function post(about: { url?: string; caFile?: string; proxyUrl?: string }, path = '/api/ping') {
    const { url = `https://127.0.0.1:${portOf(master)}`, caFile, proxyUrl } = about
    const client = createMasterClient({ url, apiKey: 'the-key', caFile, proxyUrl })
    try {
      return await client.post(path, {}, signal())
    } finally {
      await client.close()
    }
  }

  it('trusts the authority of MASTER_CA_FILE, and without it nobody unknown', async () => {
    expect(await post({ caFile: join(folder, 'ca.pem') })).toEqual({
      ...{ status: 429, body: { key: 'Bearer the-key' }, retryAfterMs: 7000 },
    })
    const refused = await post({}).catch((error: unknown) => error)
    expect(notDelivered('the ping', refused).message).toMatch(
      /could not be reached: the ping \((UNABLE_TO|SELF_SIGNED)/,
    )
  })

  it('uses PROXY_URL without showing it the key, but not for loopback addresses', async () => {
    const proxyUrl = `http://user:proxy-password@127.0.0.1:${portOf(proxy)}`
    const answer = await post({ url: 'https://master.example.org', caFile: join(folder, 'ca.pem'), proxyUrl })
    expect(answer).toMatchObject({ status: 429, body: { key: 'Bearer the-key' } })
    expect(tunnels).toEqual(['master.example.org:443'])
    expect((await post({ caFile: join(folder, 'ca.pem'), proxyUrl })).status).toBe(429)
    expect(tunnels).toHaveLength(1)
  })

  it('does not send the key to the target of a redirect', async () => {
    await expect(post({ caFile: join(folder, 'ca.pem') }, '/moved')).rejects.toThrow()
  })

  it('reports a failed connection without the key', async () => {
    const away = await post({ url: 'http://127.0.0.1:9' }).catch((error: unknown) => error)
    const fault = notDelivered('the push', away)
    expect(fault).toMatchObject({ code: 'SYS_002', retryable: true })
    expect(fault.message).toContain('The master could not be reached: the push')
    expect(() =>
      createMasterClient({ url: 'https://x', apiKey: 'k', caFile: '/nothing', proxyUrl: undefined }),
    ).toThrow('Could not read MASTER_CA_FILE')
    expect(notDelivered('the push', await post({ caFile: join(folder, 'ca.pem') })).options.retryAfter).toBe(
      7,
    )
  })
})
