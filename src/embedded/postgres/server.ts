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
  /** Server settings that override the defaults. */
  settings: Record<string, string>
}

/**
 * The default settings, for low memory usage of a small installation. `max_connections` limits the pools of all
 * processes together.
 */
const defaults: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '64MB',
  maintenance_work_mem: '32MB',
  max_wal_size: '512MB',
  jit: 'off',
  // This saves three processes; at this size the page cache serves most reads anyway.
  io_method: 'sync',
  max_logical_replication_workers: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Only messages about the server's state are logged, because Capstan logs the errors of its queries. This keeps the
  // file small and free of the values of rejected rows.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
}

/** A spawned server. `exited` resolves when it has exited for any reason. */
export interface Server {
  pid: number | undefined
  exited: Promise<{ reason: string }>
  hasExited(): boolean
  stop(): Promise<void>
}

const logOf = (home: string) => join(home, 'postgres.log')

/** Spawns `postgres` in its own session, so that Ctrl-C in a terminal reaches only the supervisor. */
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
 * Requests a fast shutdown, which ends sessions without loss; then an immediate one, which needs recovery at the next
 * start; then kills all processes of a server that does not respond.
 */
async function stopServer(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill('SIGINT')
  if (await exitsWithin(10_000, exited)) return
  child.kill('SIGQUIT')
  // The server gives its child processes 5 s before it kills them.
  if (await exitsWithin(7_000, exited)) return
  killGroup(child, 'SIGKILL')
  await exited
}

async function exitsWithin(ms: number, exited: Promise<unknown>): Promise<boolean> {
  const waiting = new AbortController()
  const late = delay(ms, 'late', { signal: waiting.signal }).catch(() => undefined)
  const first = await Promise.race([exited, late])
  waiting.abort()
  return first !== 'late'
}

/** Opens a new log file. Only the log of the previous start is kept beside it, so that logs do not accumulate. */
function openLog(home: string): number {
  const file = logOf(home)
  if (existsSync(file)) renameSync(file, `${file}.1`)
  return openSync(file, 'a', 0o600)
}

/** The last 15 lines of the server's log, for the error message of a failed start. */
export function serverLog(home: string): string {
  return readFileSync(logOf(home), 'utf8').trim().split('\n').slice(-15).join('\n')
}
