import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Plugin, rolldown } from 'rolldown'
import { expect } from 'vitest'
import { until } from '../../helpers/until.ts'
import { startFaultProxy } from '../cloudflare/fault-proxy.ts'
import type { World } from '../harness.ts'

const source = fileURLToPath(new URL('mortal-worker.ts', import.meta.url))

/**
 * Makes one file of a worker and everything that it imports: most of a start is finding, stripping and compiling
 * hundreds of files, and each of these processes lives for one job.
 */
async function bundle(directory: string): Promise<string> {
  const file = join(directory, 'mortal-worker.mjs')
  const ownPlaces: Plugin = {
    name: 'each file finds what lies beside it',
    transform: (code, id) =>
      id.includes('node_modules')
        ? null
        : code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href)),
  }
  const build = await rolldown({ input: source, platform: 'node', logLevel: 'silent', plugins: [ownPlaces] })
  await build.write({ file, format: 'esm' })
  await build.close()
  return file
}

export interface Mortal {
  name: string
  /** Lets it run a job. Resolves when it has ended, or the process has. */
  run(job: { id: string; queue: string }): Promise<'ended' | 'dead'>
  /** SIGKILL. Resolves when it is gone and the database has noticed: what it had begun there counts for nothing. */
  kill(): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Its next write waits for a lock that somebody else holds. */
  isStuck(): Promise<boolean>
}

let made = 0

/** Worker processes to be killed. The next ones start while the last one still runs. */
export type Mortals = ReturnType<typeof mortalsFrom>

export function startMortals(world: World, ahead = 2) {
  const directory = mkdtempSync(join(tmpdir(), 'capstan-mortals-'))
  const mortals = mortalsFrom({ world, directory, program: bundle(directory) }, ahead)
  return {
    ...mortals,
    async stop() {
      await mortals.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Worker processes in lanes with a way to the cloud each, so that several deployments can be tried side by side. */
export async function startLanes(world: World, count: number) {
  const directory = mkdtempSync(join(tmpdir(), 'capstan-mortals-'))
  const program = bundle(directory)
  const proxies = await Promise.all(Array.from({ length: count }, () => startFaultProxy(world.cloud.port)))
  const lanes = proxies.map((proxy) => {
    const env = { LOCAL_CLOUD_PORT: String(proxy.port) }
    const mortals = mortalsFrom({ world, directory, program, env }, 1)
    return { mortals, ways: [proxy] }
  })
  return {
    lanes,
    async stop() {
      await Promise.all(lanes.map(({ mortals }) => mortals.stop()))
      await Promise.all(proxies.map((proxy) => proxy.stop()))
      rmSync(directory, { recursive: true, force: true })
      expect(proxies.flatMap(({ violations }) => violations)).toEqual([])
    },
  }
}

interface Source {
  world: World
  directory: string
  program: Promise<string>
  env?: Record<string, string>
}

function mortalsFrom({ world, directory, program, env: own = {} }: Source, ahead: number) {
  const waiting: Promise<Mortal>[] = []
  const alive = new Set<ChildProcess>()
  let stopping = false

  async function start(): Promise<Mortal> {
    const name = `mortal-${++made}`
    const { PATH = '', HOME = '' } = process.env
    const NODE_COMPILE_CACHE = join(directory, 'compiled')
    const env = {
      PATH,
      HOME,
      NODE_COMPILE_CACHE,
      LOG_LEVEL: 'error',
      PORT: '0',
      ...world.env,
      ...own,
      MORTAL_NAME: name,
    }
    const file = await program
    if (stopping) throw new Error('the worker processes were stopped')
    const child = fork(file, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    alive.add(child)
    const gone = once(child, 'exit').then(() => {
      alive.delete(child)
      return 'dead' as const
    })
    const [said] = await Promise.race([once(child, 'message'), gone.then(() => ['dead'])])
    if (said !== 'ready') throw new Error('a worker process did not start')
    const sessions = () =>
      world.ctx
        .db('pg_stat_activity')
        .where({ application_name: `capstan-${name}` })
        .whereRaw('datname = current_database()')
    return {
      name,
      async run({ id, queue }) {
        const ended = once(child, 'message').then(() => 'ended' as const)
        child.send({ job: id, queueName: queue })
        return Promise.race([ended, gone])
      },
      async kill() {
        child.kill('SIGKILL')
        await gone
        await sessions().select(world.ctx.db.raw('pg_terminate_backend(pid)'))
        await until(async () => (await sessions().first('pid')) === undefined, { what: 'its sessions ended' })
      },
      signal: (signal) => void child.kill(signal),
      isStuck: async () => (await sessions().where({ wait_event_type: 'Lock' }).first('pid')) !== undefined,
    }
  }

  const fill = () => {
    while (waiting.length < ahead) {
      const next = start()
      next.catch(() => undefined)
      waiting.push(next)
    }
  }
  fill()
  return {
    /** One that did not die may be taken again. */
    giveBack(mortal: Mortal) {
      waiting.unshift(Promise.resolve(mortal))
    },
    async next(): Promise<Mortal> {
      const [first] = waiting.splice(0, 1)
      fill()
      return first ?? start()
    },
    async stop() {
      stopping = true
      await Promise.allSettled([program, ...waiting])
      for (const child of [...alive]) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    },
  }
}
