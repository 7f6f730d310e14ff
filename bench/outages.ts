import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createDb } from '../src/platform/db.ts'
import { freePort } from '../src/platform/embedded-postgres/port.ts'
import { insertJobs } from '../src/platform/jobs/store.ts'
import { migrateQueues } from '../src/platform/queues/index.ts'
import { createRedisServers } from '../test/helpers/redis-topology.ts'
import { startTcpProxy } from '../test/helpers/tcp-proxy.ts'
import { startDatabase } from './database.ts'

/**
 * Seconds of outage of three web processes and three workers, whose PostgreSQL and Redis are behind a proxy that
 * stalls or cuts connections. Counted from the moment at which new connections work: `node bench/outages.ts`.
 */
const processes = 3
const password = 'a-password-of-the-bench'
const holdMs = Number(process.env.OUTAGE_SECONDS ?? 20) * 1000
const settleMs = 25_000

interface Target {
  name: string
  /** When something failed last, or has not happened yet. */
  badUntil: number
  lines: number
}

const database = await startDatabase()
const redis = createRedisServers(password)
const { port } = await redis.server()
const ways = {
  PostgreSQL: await startTcpProxy(database.env.DATABASE_URL),
  Redis: await startTcpProxy(`redis://:${password}@127.0.0.1:${port}`),
}
const direct = createDb({ url: database.env.DATABASE_URL, name: 'bench', max: 3 })
const children: ChildProcess[] = []
let running = true

async function startAll(queues: 'Redis' | 'PostgreSQL') {
  const env = {
    ...process.env,
    ...database.env,
    DATABASE_URL: ways.PostgreSQL.url,
    ...(queues === 'Redis' ? { REDIS_URL: ways.Redis.url } : {}),
    LOG_LEVEL: 'warn',
  }
  const run = (file: string, args: string[], more: Record<string, string>) => {
    const script = fileURLToPath(new URL(`../${file}`, import.meta.url))
    const child = spawn(process.execPath, [script, ...args], {
      env: { ...env, ...more },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    return child
  }
  const webs = []
  const workers = []
  for (let n = 1; n <= processes; n++) {
    const own = await freePort()
    webs.push({ target: watched(`web ${n}`, run('src/api.ts', [], { PORT: `${own}` })), port: own })
    const child = run('workers/main.ts', ['maintenance'], {})
    workers.push({ target: watched(`worker ${n}`, child), pid: child.pid ?? 0 })
  }
  return { webs, workers }
}

function watched(name: string, child: ChildProcess): Target {
  const target = { name, badUntil: 0, lines: 0 }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    target.lines += text.split('\n').length - 1
    if (process.env.OUTAGE_LOG !== undefined) process.stderr.write(text.replaceAll(/^/gm, `${name}: `))
  })
  return target
}

/** Asks for something from the database, and whether all is healthy. */
async function askWeb({ target, port: own }: { target: Target; port: number }): Promise<void> {
  const headers = { Authorization: `Bearer ${database.token}` }
  while (running) {
    try {
      const signal = AbortSignal.timeout(15_000)
      const jobs = await fetch(`http://127.0.0.1:${own}/jobs?limit=1`, { headers, signal })
      const health = (await (await fetch(`http://127.0.0.1:${own}/health`, { signal })).json()) as {
        queue: string
      }
      if (jobs.status !== 200 || health.queue !== 'healthy') target.badUntil = Date.now()
    } catch {
      target.badUntil = Date.now()
    }
    await delay(200)
  }
}

/** Enqueues work past the proxy. Which worker did it, and when, is in its row. */
async function enqueueWork(): Promise<void> {
  while (running) {
    const job = { queue: 'maintenance', name: 'prune', payload: {}, maxAttempts: 3 }
    await insertJobs(
      direct,
      Array.from({ length: processes }, () => ({ ...job, id: crypto.randomUUID() })),
    )
    await delay(300)
  }
}

async function firstRunAfter(pid: number, time: number): Promise<number> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(200)) {
    const { rows } = await direct.raw(
      `select extract(epoch from min(finished_at)) * 1000 as at from jobs
       where worker like '%:' || ? and finished_at > to_timestamp(? / 1000.0)`,
      [String(pid), time],
    )
    if (rows[0].at !== null) return Number(rows[0].at)
  }
  return Number.POSITIVE_INFINITY
}

const faults = {
  'old connections silent for ever': async (way: (typeof ways)['Redis']) => {
    way.freezeExisting()
    return Date.now()
  },
  [`all silent for ${holdMs / 1000} s`]: async (way: (typeof ways)['Redis']) => {
    way.freeze()
    await delay(holdMs)
    way.thaw()
    return Date.now()
  },
  [`cut and refused for ${holdMs / 1000} s`]: async (way: (typeof ways)['Redis']) => {
    await way.cut()
    await delay(holdMs)
    await way.restore()
    return Date.now()
  },
}

const seconds = (ms: number) => (Math.max(0, ms) / 1000).toFixed(1)

try {
  await migrateQueues(database.env.DATABASE_URL)
  for (const queues of ['Redis', 'PostgreSQL'] as const) {
    const { webs, workers } = await startAll(queues)
    running = true
    const loops = [...webs.map(askWeb), enqueueWork()]
    for (const { pid } of workers) await firstRunAfter(pid, Date.now() - 1000)
    await delay(3000)
    for (const store of queues === 'Redis' ? (['PostgreSQL', 'Redis'] as const) : (['PostgreSQL'] as const)) {
      for (const [fault, cause] of Object.entries(faults)) {
        for (const { target } of [...webs, ...workers]) target.lines = 0
        const returned = await cause(ways[store])
        const worked = await Promise.all(workers.map(({ pid }) => firstRunAfter(pid, returned)))
        await delay(Math.max(0, returned + settleMs - Date.now()))
        const web = webs.map(({ target }) => seconds(target.badUntil - returned))
        const worker = worked.map((at) => seconds(at - returned))
        const lines = [...webs, ...workers].map(({ target }) => target.lines)
        console.log(
          `| queues on ${queues} | ${store}: ${fault} | ${web.join(' / ')} | ${worker.join(' / ')} | ${Math.max(...lines)} |`,
        )
      }
    }
    running = false
    await Promise.all(loops)
    for (const child of children.splice(0)) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
  }
} finally {
  running = false
  for (const child of children) child.kill('SIGKILL')
  for (const way of Object.values(ways)) await way.cut().catch(() => undefined)
  await direct.destroy()
  await redis.stop()
  await database.stop()
}
