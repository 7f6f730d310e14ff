import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import {
  runToEnd,
  type SupervisorOptions,
  superviseChildren,
} from '../../src/embedded/supervisor/supervisor.ts'
import { lockDataDir } from '../../src/platform/installation/data-dir-lock.ts'
import { until } from '../helpers/until.ts'

type Behaviour = 'good' | 'misconfigured' | 'crashing' | 'stubborn' | 'lingering' | 'with-helper'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const restartDelay = { first: 10, most: 50, resetAfter: 30_000 }
const fixture = (name: string) => fileURLToPath(new URL(`supervised/${name}`, import.meta.url))
let root: string
let journal: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'capstan-test-supervisor-'))
  // Registered first, so that it runs last, when everything that the test started has stopped.
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  journal = join(root, 'journal')
  writeFileSync(journal, '')
})

const spec = (name: string, behaviour: Behaviour) => ({
  name,
  command: [process.execPath, fixture('child.ts'), behaviour, journal, name],
})

function supervise(children: Record<string, Behaviour>, options: Partial<SupervisorOptions> = {}) {
  const specs = Object.entries(children).map(([name, behaviour]) => spec(name, behaviour))
  const supervisor = superviseChildren(specs, { log, restartDelay, ...options })
  onTestFinished(() => supervisor.stop())
  return supervisor
}

/** The lines that the children wrote, as `<name> <event>`, and their pids. */
const notes = () =>
  readFileSync(journal, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ') as [name: string, what: string, pid: string])
const events = (what: string) => notes().filter((note) => note[1] === what)
const pidOf = (name: string) => Number(events('started').findLast((note) => note[0] === name)?.[2])

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

test('the supervisor is ready when all children are, with their messages', async () => {
  const said = await supervise({ one: 'good', two: 'good' }).ready
  expect([...said.keys()]).toEqual(['one', 'two'])
  expect(said.get('one')?.port).toBe(4711)
})

test('only a killed child is restarted', async () => {
  await supervise({ one: 'good', two: 'good' }).ready
  process.kill(pidOf('one'), 'SIGKILL')
  await until(() => events('started').length === 3)
  expect(
    events('started')
      .map(([name]) => name)
      .toSorted(),
  ).toEqual(['one', 'one', 'two'])
})

test('processes that a killed child left running are killed', async () => {
  await supervise({ one: 'with-helper' }).ready
  const helper = Number(
    notes()
      .find(([, what]) => what.startsWith('helper-'))?.[1]
      .slice('helper-'.length),
  )
  expect(isAlive(helper)).toBe(true)
  process.kill(pidOf('one'), 'SIGKILL')
  await until(() => !isAlive(helper))
})

test('children stop in reverse order, one after the other, without restarts', async () => {
  const supervisor = supervise({ one: 'good', two: 'good', three: 'good' })
  await supervisor.ready
  await supervisor.stop()
  expect(events('stopping').map(([name]) => name)).toEqual(['three', 'two', 'one'])
  expect(events('started')).toHaveLength(3)
  for (const [, , pid] of events('started')) expect(isAlive(Number(pid))).toBe(false)
})

test('a child that does not stop in time is killed', async () => {
  const supervisor = supervise({ one: 'stubborn' }, { stopDeadlineMs: 200 })
  await supervisor.ready
  await supervisor.stop()
  expect(events('stopping')).toHaveLength(1)
  expect(isAlive(pidOf('one'))).toBe(false)
})

test('a child that has stopped its work but does not exit is killed within two seconds', async () => {
  const supervisor = supervise({ one: 'lingering' })
  await supervisor.ready
  const from = Date.now()
  await supervisor.stop()
  expect(Date.now() - from).toBeLessThan(2000)
  expect(isAlive(pidOf('one'))).toBe(false)
})

test('the start fails immediately with the message of a misconfigured child', async () => {
  const supervisor = supervise({ one: 'good', two: 'misconfigured' })
  await expect(supervisor.ready).rejects.toThrow('two: port 1 is in use')
  expect(events('started').filter(([name]) => name === 'two')).toHaveLength(1)
})

test('the start fails if a child exits three times before it is ready', async () => {
  await expect(supervise({ one: 'crashing' }).ready).rejects.toThrow(
    'one could not start: it exited with code 1',
  )
  expect(events('started')).toHaveLength(3)
})

test('the start fails if the program does not exist', async () => {
  const supervisor = superviseChildren([{ name: 'one', command: [join(root, 'missing')] }], { log })
  await expect(supervisor.ready).rejects.toThrow('ENOENT')
})

test('children exit when their supervisor is killed', async () => {
  const [, signal] = await once(spawn(process.execPath, [fixture('supervisor.ts'), journal]), 'exit')
  expect(signal).toBe('SIGKILL')
  await until(() => events('orphaned').length === 1 && !isAlive(pidOf('child')))
})

test('runToEnd waits for the exit and reports a failure', async () => {
  const { signal } = new AbortController()
  await runToEnd({ name: 'fine', command: ['true'] }, { log, signal })
  await expect(runToEnd({ name: 'migrate', command: ['false'] }, { log, signal })).rejects.toThrow(
    'migrate exited with code 1',
  )
})

test('a DATA_DIR is locked against a second supervisor until the lock is released', () => {
  const lock = lockDataDir(root)
  expect(() => lockDataDir(root)).toThrow(`pid ${process.pid}`)
  lock.release()
  expect(existsSync(join(root, 'supervisor.pid'))).toBe(false)
  lockDataDir(root).release()
})

test('the lock of a killed supervisor is taken over, even if its pid belongs to another process now', async () => {
  const dead = spawn('true')
  await once(dead, 'exit')
  for (const stale of [`${dead.pid} 123\n`, `${process.pid} 123\n`, '']) {
    writeFileSync(join(root, 'supervisor.pid'), stale)
    const lock = lockDataDir(root)
    expect(lock.takenOver).toBe(true)
    expect(() => lockDataDir(root)).toThrow('already runs')
    lock.release()
  }
})
