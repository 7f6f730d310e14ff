import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from '../helpers/until.ts'
import type { World } from './harness.ts'

const program = fileURLToPath(new URL('mortal-worker.ts', import.meta.url))

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
export type Mortals = ReturnType<typeof startMortals>

export function startMortals(world: World, ahead = 2) {
  const waiting: Promise<Mortal>[] = []
  const alive = new Set<ChildProcess>()

  async function start(): Promise<Mortal> {
    const name = `mortal-${++made}`
    const { PATH = '', HOME = '' } = process.env
    // Most of a start is compiling the same files again.
    const NODE_COMPILE_CACHE = join(tmpdir(), 'capstan-test-compile-cache')
    const env = {
      PATH,
      HOME,
      NODE_COMPILE_CACHE,
      LOG_LEVEL: 'error',
      PORT: '0',
      ...world.env,
      MORTAL_NAME: name,
    }
    const child = fork(program, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
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
      await Promise.allSettled(waiting)
      for (const child of [...alive]) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    },
  }
}
