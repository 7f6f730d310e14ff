import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../src/embedded/postgres/port.ts'
import { insertJobs } from '../src/platform/jobs/store.ts'
import { createDb } from '../src/platform/postgres/db.ts'
import { migrateQueues } from '../src/platform/queues/index.ts'
import { createRedisServers } from '../test/helpers/servers/redis-topology.ts'
import { startTcpProxy } from '../test/helpers/tcp-proxy.ts'
import { startDatabase } from './database.ts'

/**
 * Seconds of outage of three web processes and three workers, whose PostgreSQL and Redis are behind a proxy that
 * stalls or cuts connections. Counted from the moment at which new connections work: `node bench/outages.ts`.
 */
const processes = 3
const password = 'a-password-of-the-bench'
const holdMs = Number(process.env.OUTAGE_SECONDS ?? 20) * 1000
const settleMs = 18_000
/** Part of the name of the faults to try, such as `PostgreSQL: all silent`. */
const only = process.env.OUTAGE_ONLY ?? ''

interface Target {
  name: string
  /** When something failed last, or has not happened yet. */
  badUntil: number
  /** Warnings and errors in its log. */
  lines: number
  /** When runs of jobs ended. */
  runs: number[]
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
    LOG_LEVEL: 'debug',
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
    workers.push({ target: watched(`worker ${n}`, child) })
  }
  return { webs, workers }
}

function watched(name: string, child: ChildProcess): Target {
  const target: Target = { name, badUntil: 0, lines: 0, runs: [] }
  if (child.stdout === null) throw new Error('the output of a process is not read')
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('"msg":"attempt ended"')) target.runs.push(Date.now())
    if (!/"level":"(warn|error)"/.test(line)) return
    target.lines += 1
    if (process.env.OUTAGE_LOG !== undefined) console.error(`${name}: ${line}`)
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

/** Enqueues work past the proxy. Which worker did it, and when, is in its log. */
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

async function firstRunAfter({ runs }: Target, time: number): Promise<number> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(100)) {
    const found = runs.find((at) => at > time)
    if (found !== undefined) return found
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
    for (const { target } of workers) await firstRunAfter(target, 0)
    await delay(3000)
    for (const store of queues === 'Redis' ? (['PostgreSQL', 'Redis'] as const) : (['PostgreSQL'] as const)) {
      for (const [fault, cause] of Object.entries(faults)) {
        if (!`${store}: ${fault}`.includes(only)) continue
        for (const { target } of [...webs, ...workers]) target.lines = 0
        const returned = await cause(ways[store])
        const worked = await Promise.all(workers.map(({ target }) => firstRunAfter(target, returned)))
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
