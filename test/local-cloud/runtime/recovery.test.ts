import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startLocalCloud } from '../../../src/local-cloud/index.ts'
import {
  accountId,
  clientOf,
  counter,
  counterBinding,
  firstMigration,
  onCleanup,
  startCloud,
  temporaryDir,
  token,
} from '../harness.ts'

const bindings = [counterBinding()]

/** The pids of the workerd processes below a process. */
function workerdsOf(parent: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,comm=']).toString().split('\n')
  const rows = lines.map((line) => line.trim().split(/\s+/))
  return rows
    .filter(([, ppid, name]) => Number(ppid) === parent && name === 'workerd')
    .map(([pid]) => Number(pid))
}

const isRunning = (pid: number) => {
  const state = execFileSync('sh', ['-c', `ps -o stat= -p ${pid} || true`])
    .toString()
    .trim()
  return state !== '' && !state.startsWith('Z')
}

test('the next request restarts a killed workerd with its data', async () => {
  const cloud = await startCloud()
  await cloud.put('counts', { bindings, migrations: firstMigration }, counter('one'))
  await cloud.publish('counts')
  expect((await cloud.get('counts')).text).toBe('one 1')
  for (const expected of ['one 2', 'one 3']) {
    const [pid] = workerdsOf(process.pid)
    process.kill(pid ?? 0, 'SIGKILL')
    expect((await cloud.get('counts')).text).toBe(expected)
  }
})

/** Starts a cloud in its own process. */
async function forkCloud(dataDir: string): Promise<{ child: ChildProcess; port: number }> {
  const program = new URL('../cloud-process.ts', import.meta.url)
  const child = fork(program, [dataDir, accountId, token], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  onCleanup(async () => void child.kill('SIGKILL'))
  const [port] = await once(child, 'message')
  return { child, port: Number(port) }
}

test('kill -9 of the cloud leaves no workerd, and a restart has all state and data', async () => {
  const dataDir = temporaryDir()
  const { child, port } = await forkCloud(dataDir)
  const url = `http://127.0.0.1:${port}`
  const before = clientOf({ url, port, stop: async () => {} })
  await before.put('counts', { bindings, migrations: firstMigration }, counter('one'))
  await before.publish('counts')
  expect((await before.get('counts')).text).toBe('one 1')
  const workerds = workerdsOf(child.pid ?? 0)
  expect(workerds).toHaveLength(1)
  child.kill('SIGKILL')
  await once(child, 'exit')

  const cloud = await startCloud(dataDir)
  expect((await cloud.get('counts')).text).toBe('one 2')
  expect(workerds.filter(isRunning)).toEqual([])
})

test('a signal leaves the shutdown of the process to its owner', async () => {
  const { child, port } = await forkCloud(temporaryDir())
  const before = clientOf({ url: `http://127.0.0.1:${port}`, port, stop: async () => {} })
  await before.put('hello', {})
  await before.publish('hello')
  await before.get('hello')
  const workerds = workerdsOf(child.pid ?? 0)
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([42, null])
  expect(workerds.filter(isRunning)).toEqual([])
})

test('a port or directory in use is reported in one line', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onCleanup(async () => void server.close())
  const { port } = server.address() as { port: number }
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const options = { host: '127.0.0.1', dataDir: temporaryDir(), token, accountId, log }
  await expect(startLocalCloud({ ...options, port })).rejects.toThrow(
    /^local cloud: port \d+ of .* already in use$/,
  )
  const cloud = await startCloud(options.dataDir)
  await expect(startLocalCloud({ ...options, port: 0 })).rejects.toThrow(/in use by another process$/)
  await cloud.stop()
  await cloud.stop()
})

test('only the owner can read the state', async () => {
  const dataDir = temporaryDir()
  const cloud = await startCloud(dataDir)
  await cloud.put('hello', {})
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  for (const name of ['state.sqlite', 'state.sqlite-wal']) {
    expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600)
  }
})
