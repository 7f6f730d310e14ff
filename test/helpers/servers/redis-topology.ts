import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { Redis, type RedisOptions } from 'ioredis'
import { freePort } from '../../../src/embedded/postgres/port.ts'
import { until } from '../until.ts'

/** Redis servers for a single test, all with the same password. */
export function createRedisServers(password: string) {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-test-redis-'))
  const stops: (() => Promise<unknown>)[] = []

  async function start(program: string, args: string[], client: RedisOptions) {
    const child = spawn(program, args, { cwd: folder, stdio: 'ignore' })
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    stops.push(async () => {
      child.kill('SIGKILL')
      await exited
    })
    const ask = new Redis({ ...client, retryStrategy: () => 50, maxRetriesPerRequest: null })
    ask.on('error', () => undefined)
    stops.push(async () => ask.disconnect())
    await until(() => ask.ping())
    return { ask, stop: () => child.kill('SIGKILL') }
  }

  return {
    folder,
    /** Starts a server; with `tlsPort` it accepts only TLS, on that port. */
    async server(options: { args?: string[]; secure?: boolean } = {}) {
      const { args = [], secure = false } = options
      const port = await freePort()
      const ports = secure
        ? ['--port', '0', '--tls-port', `${port}`, ...certificateArgs(folder)]
        : ['--port', `${port}`]
      const common = ['--bind', '127.0.0.1', '--dir', folder, '--save', '', '--dbfilename', `${port}.rdb`]
      const login = ['--requirepass', password, '--masterauth', password]
      const started = await start('redis-server', [...ports, ...common, ...login, ...args], {
        host: '127.0.0.1',
        port,
        password,
        ...(secure ? { tls: {} } : {}),
      })
      return { ...started, port }
    },
    /** Starts a Cluster of three masters. */
    async cluster(secure: boolean) {
      if (secure) trustOwnCertificate(folder)
      const nodes = []
      for (let n = 0; n < 3; n++) {
        const args = ['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${n}.conf`]
        // The default is the port + 10,000, which may be above the highest port or in use.
        args.push('--cluster-port', `${await freePort()}`)
        if (secure) args.push('--tls-cluster', 'yes', '--tls-replication', 'yes')
        nodes.push(await this.server({ args, secure }))
      }
      const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
      const security = secure ? ['--tls', '--cacert', join(folder, 'cert.pem')] : []
      const create = [
        '--cluster',
        'create',
        ...addresses,
        '--cluster-yes',
        '-a',
        password,
        '--no-auth-warning',
      ]
      execFileSync('redis-cli', [...create, ...security], { stdio: 'pipe' })
      for (const { ask } of nodes)
        await until(async () => (await ask.cluster('INFO')).includes('cluster_state:ok'), {
          timeoutMs: 30_000,
        })
      return nodes
    },
    /** Starts a Sentinel that monitors a master. */
    async sentinel(name: string, masterPort: number) {
      const port = await freePort()
      const file = join(folder, `sentinel-${port}.conf`)
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `requirepass ${password}`,
        `sentinel monitor ${name} 127.0.0.1 ${masterPort} 1`,
        `sentinel auth-pass ${name} ${password}`,
        `sentinel down-after-milliseconds ${name} 1000`,
        `sentinel failover-timeout ${name} 3000`,
      ]
      writeFileSync(file, lines.join('\n'))
      const started = await start('redis-sentinel', [file], { host: '127.0.0.1', port, password })
      return { ...started, port }
    },
    async stop() {
      for (const stop of stops.splice(0)) await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function certificateArgs(folder: string): string[] {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  return [
    '--tls-cert-file',
    cert,
    '--tls-key-file',
    key,
    '--tls-ca-cert-file',
    cert,
    '--tls-auth-clients',
    'no',
  ]
}

/** Creates a certificate for this machine that this process trusts. */
function trustOwnCertificate(folder: string): void {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const request = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    key,
    '-out',
    cert,
  ]
  execFileSync('openssl', [...request, ...names], { stdio: 'pipe' })
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(cert, 'utf8')])
}
