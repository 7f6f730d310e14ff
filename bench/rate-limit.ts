import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAdmin } from '../src/accounts/service/administration.ts'
import { createDb, migrateUp } from '../src/platform/db.ts'
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres/index.ts'
import { freePort } from '../src/platform/embedded-postgres/port.ts'

/**
 * What a token, its rate limit and the frame around a route cost, against a bare Express handler that sends the
 * same 8 kB. `node bench/rate-limit.ts [requests a round] [rounds]`; needs redis-server. Ratios are of the server's
 * own CPU time and of requests a second, in one run, in turns.
 */
const requests = Number(process.argv[2] ?? 10_000)
const rounds = Number(process.argv[3] ?? 5)
const connections = 50

interface Report {
  cpu: NodeJS.CpuUsage
  queries: number
}

async function report(server: ChildProcess): Promise<Report> {
  server.send('report')
  const [message] = await once(server, 'message')
  return message
}

/** One connection that asks again as soon as it has the whole answer. */
function ask(port: number, head: string, next: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let wanted = 0
    let got = 0
    const send = () => {
      if (!next()) return void socket.end(resolve)
      wanted = 0
      got = 0
      socket.write(head)
    }
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      got += chunk.length
      if (wanted === 0) {
        const text = chunk.toString('latin1')
        if (!text.startsWith('HTTP/1.1 200')) return reject(new Error(text.slice(0, 300)))
        const length = /content-length: (\d+)/i.exec(text)?.[1] ?? '0'
        wanted = text.indexOf('\r\n\r\n') + 4 + Number(length)
      }
      if (got >= wanted) send()
    })
    socket.once('connect', send)
  })
}

async function measure(server: ChildProcess, port: number, token: string) {
  const head = `GET /hot HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\n\r\n`
  let left = requests
  const before = await report(server)
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: connections }, () => ask(port, head, () => left-- > 0)))
  const seconds = (performance.now() - startedAt) / 1000
  const after = await report(server)
  const spent = (each: Report) => each.cpu.user + each.cpu.system
  return {
    perSecond: requests / seconds,
    cpuMicros: (spent(after) - spent(before)) / requests,
    queries: after.queries - before.queries,
  }
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
  const log = { info: () => undefined, warn: console.warn, error: console.error }
  const postgres = await startEmbeddedPostgres({ dataDir, log })
  const redisPort = await freePort()
  const redisArgs = ['--port', `${redisPort}`, '--save', '', '--appendonly', 'no', '--dir', dataDir]
  const redis = spawn('redis-server', redisArgs, { stdio: 'ignore' })
  await migrateUp(postgres.url)
  const db = createDb({ url: postgres.url, name: 'bench', max: 1 })
  const account = { username: 'bench', email: 'bench@localhost', password: 'correct horse battery' }
  const made = await createAdmin(db, { ...account, rateLimit: { perSecond: 10_000, burst: 100_000 } })
  if (made.outcome !== 'created') throw new Error(made.reason)
  await db.destroy()
  const server = fork(fileURLToPath(new URL('rate-limit-server.ts', import.meta.url)), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      DATABASE_URL: postgres.url,
      REDIS_URL: `redis://127.0.0.1:${redisPort}`,
      SECRET_KEY: 'a-secret-key-of-the-bench-0123456789',
    },
  })
  try {
    const [{ ports }] = (await once(server, 'message')) as [{ ports: Record<string, number> }]
    const results = new Map<string, Awaited<ReturnType<typeof measure>>[]>()
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, port] of Object.entries(ports)) {
        const result = await measure(server, port, made.token)
        // The first round warms up.
        if (round > 0) results.set(name, [...(results.get(name) ?? []), result])
      }
    }
    const base = results.get('bare Express') ?? []
    const [bareRate, bareCpu] = [median(base.map((r) => r.perSecond)), median(base.map((r) => r.cpuMicros))]
    console.log(
      `${requests} requests x ${rounds} rounds, ${connections} connections, 1 user, 1 token; medians`,
    )
    for (const [name, all] of results) {
      const rate = median(all.map((r) => r.perSecond))
      const cpu = median(all.map((r) => r.cpuMicros))
      const queries = all.reduce((sum, r) => sum + r.queries, 0)
      const ratios = `${((100 * rate) / bareRate).toFixed(0)} % of bare by rate, ${((100 * bareCpu) / cpu).toFixed(0)} % by CPU`
      console.log(
        `${name.padEnd(42)} ${rate.toFixed(0).padStart(6)}/s  ${cpu.toFixed(0).padStart(4)} us CPU  ${ratios}, ${queries} queries`,
      )
    }
  } finally {
    server.kill()
    redis.kill()
    await postgres.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

await main()
