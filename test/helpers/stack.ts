import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'
import { readEmbeddedPostgres } from '../../src/embedded/postgres/index.ts'
import { freePort } from '../../src/embedded/postgres/port.ts'
import { copyInstallation } from './prepared-installation.ts'
import { leftOf, processes } from './stack-processes.ts'
import { until } from './until.ts'

export { canInspectProcesses } from './stack-processes.ts'

/** The cache of compiled code, which all stacks share. */
const compileCache = join(process.env.TEST_CACHE_DIR ?? tmpdir(), 'capstan-test-compile-cache')

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The programs under the supervisor, by a part of their command lines: sources end with `ts`, bundles with `js`. */
const programs = {
  web: 'src/api.',
  worker: 'workers/main.',
  cloud: 'src/local-cloud/main.',
  postgres: '/postgres\0-D\0',
} as const
export type ProgramName = keyof typeof programs

export interface StackOptions {
  env?: Record<string, string>
  /** A stopped stack, whose data and ports the new one uses. */
  after?: Stack
  /** True for a start that creates and migrates its database; others use a copy of one that was prepared. */
  first?: boolean
}

export interface LogLine {
  level: string
  time: string
  process: string
  pid: number
  msg: string
  [field: string]: unknown
}

/** `npm start` as users run it: the real supervisor and all its children, with their own data and ports. */
export interface Stack {
  dataDir: string
  origin: string
  port: number
  cloudPort: number
  /** The pid of the supervisor. */
  supervisor: number
  databaseUrl(): string
  /** The output of all processes since the start. */
  output(): string
  /** The JSON lines of the output. */
  logLines(): LogLine[]
  /** The current pid of a program. @throws if it is not running */
  pid(name: ProgramName): number
  /** The pids of all programs, to detect restarts. */
  pids(): Record<ProgramName, number | undefined>
  /** Sends SIGKILL. @returns the time of the signal, in ms */
  kill(name: ProgramName): number
  /** Sends a signal to a program and its children. */
  signalGroup(name: ProgramName, signal: NodeJS.Signals): void
  /** Sends SIGTERM to the supervisor. @throws if a process remains, or the stop took longer than `timeoutMs` */
  stop(timeoutMs?: number): Promise<{ exitCode: number | null; tookMs: number }>
  /** Stops the stack and removes its data. */
  dispose(): Promise<void>
}

/** Starts a stack. Resolves when the supervisor has printed that it is ready. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { after } = options
  const dataDir = after?.dataDir ?? mkdtempSync(join(tmpdir(), 'capstan-e2e-'))
  if (after === undefined && !options.first) await copyInstallation(inject('preparedInstallation'), dataDir)
  const [port, cloudPort] = after === undefined ? await freePorts() : [after.port, after.cloudPort]
  const child = spawnNode(['bin/start.js'], {
    DATA_DIR: dataDir,
    PORT: `${port}`,
    LOCAL_CLOUD_PORT: `${cloudPort}`,
    // Tests send requests faster than people.
    ADMIN_RATE_LIMIT_PER_SECOND: '10000',
    ADMIN_RATE_LIMIT_BURST: '100000',
    RATE_LIMIT_ADDRESS_PER_SECOND: '10000',
    RATE_LIMIT_ADDRESS_BURST: '100000',
    // The health checks of the tests' apps send requests to a gate on this machine.
    LOCAL_CLOUD_PRIVATE_NETWORK: 'allow',
    ...options.env,
  })
  const output = collect(child)
  const stack = face({ child, output, dataDir, port, cloudPort })
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const isReady = () => /^ready http/m.test(output())
  await until(() => isReady() || hasEnded(), { timeoutMs: 40_000 }).catch(() => undefined)
  if (!isReady()) {
    const said = output().slice(-4000)
    // The data of an earlier stack is kept.
    if (after === undefined) await stack.dispose().catch(() => undefined)
    else child.kill('SIGKILL')
    throw new Error(`the stack did not become ready:\n${said}`)
  }
  return stack
}

/** Runs the command line as a user of this machine does. @returns its exit code and output */
export function runCommand(stack: Stack, args: string[], env: Record<string, string> = {}) {
  return runProgram(stack, ['bin/capstan.js', ...args], env)
}

/** Runs a program of this project on the stack's installation. @param command Node's arguments */
export async function runProgram(stack: Stack, command: string[], env: Record<string, string> = {}) {
  const ports = { PORT: `${stack.port}`, LOCAL_CLOUD_PORT: `${stack.cloudPort}` }
  const child = spawnNode(command, { DATA_DIR: stack.dataDir, ...ports, ...env })
  const output = collect(child)
  await once(child, 'close')
  return { exitCode: child.exitCode, output: output() }
}

/** Runs `bin/start.js` until it exits, for starts that fail or are stopped. */
export async function runStart(
  env: Record<string, string>,
  stop?: { signal: NodeJS.Signals; when: (output: string) => boolean },
) {
  const startedAt = Date.now()
  const child = spawnNode(['bin/start.js'], env)
  const output = collect(child)
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
  try {
    if (stop !== undefined) {
      await until(() => stop.when(output()), { timeoutMs: 20_000 })
      child.kill(stop.signal)
    }
    if (child.exitCode === null) await once(child, 'close')
  } finally {
    clearTimeout(timer)
    // A start that was not stopped must not outlive its test.
    if (child.exitCode === null) child.kill('SIGKILL')
  }
  return { exitCode: child.exitCode, output: output(), tookMs: Date.now() - startedAt }
}

/** The part of this process's environment that a start needs: tests must not depend on a developer's settings. */
function spawnNode([script = '', ...args]: string[], env: Record<string, string>): ChildProcess {
  const { PATH = '', HOME = '', TMPDIR = '/tmp', XDG_STATE_HOME = '' } = process.env
  const inherited = { PATH, HOME, TMPDIR, XDG_STATE_HOME }
  return spawn(process.execPath, [join(root, script), ...args], {
    cwd: root,
    env: { ...inherited, NODE_COMPILE_CACHE: compileCache, LOG_LEVEL: 'info', CAPSTAN_ENV_FILE: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function collect(child: ChildProcess): () => string {
  const chunks: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk))
  }
  return () => chunks.join('')
}

interface Parts {
  child: ChildProcess
  output: () => string
  dataDir: string
  port: number
  cloudPort: number
}

function face({ child, output, dataDir, port, cloudPort }: Parts): Stack {
  const find = (name: ProgramName) =>
    processes().find((each) => each.ppid === child.pid && each.command.includes(programs[name]))?.pid

  function pid(name: ProgramName): number {
    const found = find(name)
    if (found === undefined) throw new Error(`${name} does not run`)
    return found
  }

  async function stop(timeoutMs = 40_000) {
    const startedAt = Date.now()
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    clearTimeout(timer)
    const tookMs = Date.now() - startedAt
    // Processes that the supervisor failed to end must not disturb later tests.
    const left = await until(() => leftOf(dataDir).length === 0, { timeoutMs: 3000 }).then(
      () => [],
      () => leftOf(dataDir),
    )
    for (const each of left) process.kill(each.pid, 'SIGKILL')
    if (child.signalCode !== null) throw new Error(`the supervisor did not stop within ${timeoutMs} ms`)
    if (left.length > 0) throw new Error(`left running: ${left.map((each) => each.command).join('; ')}`)
    return { exitCode: child.exitCode, tookMs }
  }

  return {
    ...{ dataDir, port, cloudPort, output, pid, stop },
    supervisor: child.pid ?? 0,
    origin: `http://127.0.0.1:${port}`,
    databaseUrl: () => readEmbeddedPostgres(dataDir)?.url ?? '',
    logLines: () =>
      output()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    pids: () => ({
      web: find('web'),
      worker: find('worker'),
      cloud: find('cloud'),
      postgres: find('postgres'),
    }),
    kill(name) {
      const target = pid(name)
      const at = Date.now()
      process.kill(target, 'SIGKILL')
      return at
    },
    signalGroup(name, signal) {
      const first = pid(name)
      const all = processes()
      for (const each of all) if (each.pid === first || each.ppid === first) process.kill(each.pid, signal)
    },
    async dispose() {
      try {
        await stop()
      } finally {
        // If run as root, PostgreSQL may use another folder; see the embedded server's home.
        const kept = readKept(join(dataDir, 'postgres.json'))
        if (kept.home !== undefined) rmSync(kept.home, { recursive: true, force: true })
        rmSync(dataDir, { recursive: true, force: true })
      }
    },
  }
}

function readKept(file: string): { home?: string } {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

/** Two free ports outside the range of outgoing connections, so that no other test takes them before the start. */
export async function freePorts(): Promise<[number, number]> {
  const first = await freePort()
  let second = first
  while (second === first) second = await freePort()
  return [first, second]
}
