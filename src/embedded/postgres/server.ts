import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { killGroup } from '../supervisor/kill-group.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { serverEnvironment } from './cluster.ts'

export interface ServerOptions {
  home: string
  clusterDir: string
  port: number
  binaries: Binaries
  account: Account | undefined
  /** Server settings over the defaults here. */
  settings: Record<string, string>
}

/** Modest: the idle tree of a small installation counts; `max_connections` bounds the budget of all processes. */
const defaults: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '64MB',
  maintenance_work_mem: '32MB',
  max_wal_size: '512MB',
  jit: 'off',
  // Three processes less; at this size the page cache answers most reads anyway.
  io_method: 'sync',
  max_logical_replication_workers: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Our processes log the faults of their own queries. Here only the server's state is wanted: that keeps the file
  // small, and the values of refused rows out of it.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
}

/** A spawned server. `exited` settles when it has ended, however that came about. */
export interface Server {
  pid: number | undefined
  exited: Promise<{ reason: string }>
  hasExited(): boolean
  stop(): Promise<void>
}

const logOf = (home: string) => join(home, 'postgres.log')

/** Spawns `postgres` itself, in a session of its own: Ctrl-C in a terminal must reach the supervisor only. */
export function spawnServer(options: ServerOptions): Server {
  const output = openLog(options.home)
  const settings = { ...defaults, ...options.settings, port: String(options.port) }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn(options.binaries.postgres, ['-D', options.clusterDir, ...args], {
    ...options.account,
    cwd: options.home,
    env: serverEnvironment,
    stdio: ['ignore', output, output],
    detached: true,
  })
  closeSync(output)
  let ended = false
  const exited = new Promise<{ reason: string }>((resolve) => {
    child.on('error', (error) => resolve({ reason: error.message }))
    child.on('exit', (code, signal) => resolve({ reason: signal ?? `code ${code}` }))
  }).finally(() => {
    ended = true
  })
  return { pid: child.pid, exited, hasExited: () => ended, stop: () => stopServer(child, exited) }
}

/**
 * Fast shutdown, which ends sessions but loses nothing; then an immediate one, which the next start recovers; then the
 * end of all its processes, for a server that answers to nothing.
 */
async function stopServer(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill('SIGINT')
  if (await endsWithin(10_000, exited)) return
  child.kill('SIGQUIT')
  // It gives its own processes five seconds before it kills them.
  if (await endsWithin(7_000, exited)) return
  killGroup(child, 'SIGKILL')
  await exited
}

async function endsWithin(ms: number, exited: Promise<unknown>): Promise<boolean> {
  const waiting = new AbortController()
  const late = delay(ms, 'late', { signal: waiting.signal }).catch(() => undefined)
  const first = await Promise.race([exited, late])
  waiting.abort()
  return first !== 'late'
}

/** The log is bounded by starts: the last one's is kept beside the current. */
function openLog(home: string): number {
  const file = logOf(home)
  if (existsSync(file)) renameSync(file, `${file}.1`)
  return openSync(file, 'a', 0o600)
}

/** The last lines that the server wrote, for a start that failed. */
export function serverLog(home: string): string {
  return readFileSync(logOf(home), 'utf8').trim().split('\n').slice(-15).join('\n')
}
