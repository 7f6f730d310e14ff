import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { freePort } from '../../../src/embedded/postgres/port.ts'
import { until } from '../until.ts'

/**
 * Starts Debian's PgBouncer in transaction mode for a database. As root it is started as `nobody`, since it refuses
 * root.
 */
export async function startPgBouncer(databaseUrl: string) {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl)
  const folder = mkdtempSync(join(tmpdir(), 'capstan-test-pgbouncer-'))
  chmodSync(folder, 0o755)
  const own = await freePort()
  const name = pathname.slice(1)
  const target = `host=${hostname} port=${port || 5432} dbname=${name} user=${username} password=${password}`
  const file = join(folder, 'pgbouncer.ini')
  const settings = [
    '[databases]',
    `${name} = ${target}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${own}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    'default_pool_size = 5',
  ]
  writeFileSync(file, settings.join('\n'), { mode: 0o644 })
  const asNobody = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn('pgbouncer', [...asNobody, file], { stdio: 'ignore' })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = `postgresql://any:any@127.0.0.1:${own}/${name}`
  await until(async () => {
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.end()
    return true
  })
  return {
    url,
    async stop() {
      child.kill('SIGKILL')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
