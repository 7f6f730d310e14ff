import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadConfig } from '../../../src/config.ts'
import { clusterAt } from '../../../src/release-tracker/kubernetes/client.ts'
import { compileCache } from '../../helpers/run-folder.ts'
import { type FakeCluster, startFakeCluster } from './fake-cluster.ts'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
if (!hasOpenssl) console.info('SKIPPED: a cluster over TLS; openssl is not installed')

let cluster: FakeCluster
let folder: string
beforeAll(async () => {
  cluster = await startFakeCluster()
  cluster.addNamespace('shop')
  folder = mkdtempSync(join(tmpdir(), 'capstan-kubeconfig-'))
})
afterAll(async () => {
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})
// The program that reads credentials loads Kubernetes' client, which is large.
beforeEach(() => void vi.stubEnv('NODE_COMPILE_CACHE', compileCache))
afterEach(() => vi.unstubAllEnvs())

const at = (name: string) => join(folder, name)
function write(name: string, content: unknown): string {
  writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content))
  return at(name)
}

/** The namespaces, read as the worker would with this `KUBECONFIG`. */
async function namespaces(kubeconfig: string): Promise<string[]> {
  const env = { DATABASE_URL: 'postgres://x', SECRET_KEY: 'a-secret-key-of-the-tests-0123456789' }
  const source = loadConfig({ ...env, KUBECONFIG: kubeconfig }).releaseTracker.cluster
  if (source === undefined) throw new Error('no cluster is configured')
  const client = clusterAt(source)()
  try {
    return await client.namespaces(AbortSignal.timeout(30_000))
  } finally {
    await client.close()
  }
}

const withUser = (user: object) => ({ ...cluster.kubeconfig(), users: [{ name: 'fake', user }] })

describe('a list in KUBECONFIG', () => {
  it('may name files that are missing or empty, and have empty parts', async () => {
    const good = write('good', cluster.kubeconfig())
    const list = [
      '',
      at('missing'),
      write('empty', ''),
      write('comment', '# nothing\n'),
      good,
      '',
      at('missing too'),
      '',
    ]
    expect(await namespaces(list.join(delimiter))).toEqual(['shop'])
  })

  it('is merged: the first file that names something decides', async () => {
    const { users, contexts, ...rest } = cluster.kubeconfig()
    const first = write('first', { users, contexts: null })
    const second = write('second', { ...rest, contexts, users: [{ name: 'fake', user: { token: 'wrong' } }] })
    const third = write('third', { ...cluster.kubeconfig(), 'current-context': 'another' })
    expect(await namespaces([first, second, third].join(delimiter))).toEqual(['shop'])
    await expect(namespaces([second, first].join(delimiter))).rejects.toThrow('401')
  })

  it('of which no file exists is named as the fault, without the paths', async () => {
    const fault = namespaces([at('missing'), at('missing too')].join(delimiter))
    await expect(fault).rejects.toThrow('KUBECONFIG could not be read: none of its files exists')
  })

  it('with a file that is no kubeconfig is refused', async () => {
    const list = [write('good', cluster.kubeconfig()), write('bad', '[1, 2')]
    await expect(namespaces(list.join(delimiter))).rejects.toThrow('KUBECONFIG could not be read')
  })

  it('without a single file names no cluster', async () => {
    for (const nothing of ['', delimiter]) await expect(namespaces(nothing)).rejects.toThrow('no cluster')
  })
})

describe('a path in a kubeconfig', () => {
  const plugin = `#!/bin/sh
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'"$TOKEN"'"}}'
`
  const exec = (command: string) => ({
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1',
      command,
      env: [{ name: 'TOKEN', value: cluster.token }],
    },
  })
  beforeAll(() => {
    mkdirSync(at('bin'), { recursive: true })
    for (const name of ['plugin', 'bin/plugin']) {
      write(name, plugin)
      chmodSync(at(name), 0o755)
    }
  })

  it.each(['./plugin', 'bin/plugin', 'bin/../plugin'])(
    'to an exec plugin is relative to its file: %s',
    async (command) => {
      expect(await namespaces(write('exec', withUser(exec(command))))).toEqual(['shop'])
    },
  )

  it('is relative to its own file in a list, also when that is named relative to the current folder', async () => {
    mkdirSync(at('other'), { recursive: true })
    const elsewhere = write('other/config', { contexts: [], clusters: [], users: [] })
    const own = write('exec', withUser(exec('./plugin')))
    expect(await namespaces([elsewhere, own].join(delimiter))).toEqual(['shop'])
  })

  it('that is a bare name is a program on the PATH, not a file beside it', async () => {
    const own = write('exec', withUser(exec('plugin')))
    await expect(namespaces(own)).rejects.toThrow('could not be read')
    vi.stubEnv('PATH', `${at('bin')}${delimiter}${process.env.PATH}`)
    expect(await namespaces(own)).toEqual(['shop'])
  })

  it('to a token is relative to its file, and comes before a token beside it', async () => {
    write('token', cluster.token)
    const own = write('with-token', withUser({ tokenFile: 'token', token: 'wrong' }))
    expect(await namespaces(own)).toEqual(['shop'])
  })
})

/** A proxy that knows hosts which nobody else does: all are the server at `target`. */
function createProxy(seen: string[], target: () => number): Server {
  const proxy = createServer((req, res) => {
    seen.push(req.url ?? '')
    const { pathname, search } = new URL(req.url ?? '')
    const forward = { host: '127.0.0.1', port: target(), path: pathname + search, headers: req.headers }
    req.pipe(
      request(forward, (answer: IncomingMessage) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(res)
      }),
    )
  })
  proxy.on('connect', (req, socket, head) => {
    seen.push(`CONNECT ${req.url}`)
    const far = connect(target(), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      far.write(head)
      far.pipe(socket)
      socket.pipe(far)
    })
    far.on('error', () => socket.destroy())
    socket.on('error', () => far.destroy())
  })
  return proxy
}

describe('a cluster behind a proxy', () => {
  const servers: Server[] = []
  const seen: string[] = []
  let port: number
  let target: number
  beforeAll(async () => {
    const proxy = createProxy(seen, () => target)
    await listening(proxy)
    port = portOf(proxy)
  })
  afterAll(async () => {
    for (const server of servers) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })
  afterEach(() => {
    seen.length = 0
  })
  const portOf = (server: Server) => (server.address() as AddressInfo).port
  async function listening(server: Server) {
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  }
  const at = (server: string, more: object = {}) =>
    write('proxied', { ...cluster.kubeconfig(), clusters: [{ name: 'fake', cluster: { server, ...more } }] })

  it('is reached through HTTP_PROXY, in either letter case', async () => {
    target = Number(new URL(cluster.url).port)
    for (const name of ['HTTP_PROXY', 'http_proxy']) {
      vi.stubEnv(name, `http://127.0.0.1:${port}`)
      expect(await namespaces(at('http://cluster.example:8080'))).toEqual(['shop'])
      expect(seen.splice(0)).toEqual(['http://cluster.example:8080/api/v1/namespaces?limit=500'])
      vi.unstubAllEnvs()
    }
  })

  it('is reached past it where NO_PROXY names its network', async () => {
    vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${port}`)
    vi.stubEnv('NO_PROXY', '10.0.0.0/8,127.0.0.0/8')
    expect(await namespaces(at(cluster.url))).toEqual(['shop'])
    expect(seen).toEqual([])
  })

  it.skipIf(!hasOpenssl)('is reached through HTTPS_PROXY, and proxy-url comes before it', async () => {
    const names = ['-subj', '/CN=cluster.example', '-addext', 'subjectAltName=DNS:cluster.example']
    const made = spawnSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-keyout',
        'key',
        '-out',
        'cert',
        ...names,
      ],
      { cwd: folder, encoding: 'utf8' },
    )
    expect(made.status, made.stderr).toBe(0)
    const tls = { key: readFileSync(join(folder, 'key')), cert: readFileSync(join(folder, 'cert')) }
    const secure = createTlsServer(tls, (req, res) => {
      request(cluster.url + req.url, { headers: req.headers }, (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(res)
      }).end()
    })
    await listening(secure)
    target = portOf(secure)
    // The certificate's path is relative to the kubeconfig, too.
    const trusted = { 'certificate-authority': 'cert' }
    vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${port}`)
    expect(await namespaces(at('https://cluster.example:6443', trusted))).toEqual(['shop'])
    expect(seen.splice(0)).toEqual(['CONNECT cluster.example:6443'])
    // A port where nobody listens: the kubeconfig's proxy is used, whatever the environment says.
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:9')
    vi.stubEnv('NO_PROXY', '*')
    const own = { ...trusted, 'proxy-url': `http://127.0.0.1:${port}` }
    expect(await namespaces(at('https://cluster.example:6443', own))).toEqual(['shop'])
    expect(seen).toEqual(['CONNECT cluster.example:6443'])
  })
})
