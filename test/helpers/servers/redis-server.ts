import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from '../../../src/embedded/postgres/port.ts'
import { endsWithin } from '../until.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined if no Redis is available: tests that need one are skipped. */
    redisUrl: string | undefined
  }
}

export interface TestRedis {
  url: string
  stop(): Promise<void>
}

/** Starts `redis-server` from PATH, and installs it if possible. @returns the reason if there is none */
export async function startRedis(): Promise<TestRedis | { missing: string }> {
  if (!isInstalled()) {
    const missing = install()
    if (missing !== undefined) return { missing }
  }
  const folder = mkdtempSync(join(tmpdir(), 'capstan-test-redis-'))
  const port = await freePort()
  const args = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', args.map(String), { stdio: 'ignore' })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = `redis://127.0.0.1:${port}`
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: 250 })
  client.on('error', () => undefined)
  await client.ping()
  client.disconnect()
  return {
    url,
    async stop() {
      child.kill('SIGTERM')
      if (!(await endsWithin(3000, exited))) child.kill('SIGKILL')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const isInstalled = () => spawnSync('redis-server', ['--version']).status === 0

/** Installs Redis as root on Debian and its derivatives, without starting the package's service. */
function install(): string | undefined {
  if (process.getuid?.() !== 0) return 'redis-server is not installed, and only root could install it'
  if (!existsSync('/etc/debian_version'))
    return 'redis-server is not installed, and this is not Debian or Ubuntu'
  const policy = '/usr/sbin/policy-rc.d'
  const ownPolicy = !existsSync(policy)
  if (ownPolicy) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const run = (args: string) =>
      spawnSync('apt-get', args.split(' '), { env, encoding: 'utf8', timeout: 120_000 })
    const arguments_ = '-o DPkg::Lock::Timeout=60 install -y --no-install-recommends redis-server'
    let done = run(arguments_)
    if (done.status !== 0) {
      run('update')
      done = run(arguments_)
    }
    if (done.status === 0) return undefined
    return `apt-get could not install redis-server: ${(done.stderr ?? '').trim().split('\n').at(-1)}`
  } finally {
    if (ownPolicy) rmSync(policy, { force: true })
  }
}
