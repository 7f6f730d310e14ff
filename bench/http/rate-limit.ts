import { spawn } from 'node:child_process'
import { freePort } from '../../src/embedded/postgres/port.ts'
import { startDatabase } from '../database.ts'
import { connections, type Measured, measure, startServer } from '../load.ts'

/**
 * What a token, its rate limit and the frame around a route cost, against a bare Express handler that sends the
 * same 8 kB. `node bench/http/rate-limit.ts [requests a round] [rounds]`; needs redis-server. Ratios are of the server's
 * own CPU time and of requests a second, in one run, in turns.
 */
const requests = Number(process.argv[2] ?? 10_000)
const rounds = Number(process.argv[3] ?? 5)

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

function print(results: Map<string, Measured[]>): void {
  const base = results.get('bare Express') ?? []
  const [bareRate, bareCpu] = [median(base.map((r) => r.perSecond)), median(base.map((r) => r.cpuMicros))]
  console.log(`${requests} requests x ${rounds} rounds, ${connections} connections, 1 user, 1 token; medians`)
  for (const [name, all] of results) {
    const rate = median(all.map((r) => r.perSecond))
    const cpu = median(all.map((r) => r.cpuMicros))
    const queries = all.reduce((sum, r) => sum + r.queries, 0)
    const ratios = `${((100 * rate) / bareRate).toFixed(0)} % of bare by rate, ${((100 * bareCpu) / cpu).toFixed(0)} % by CPU`
    console.log(
      `${name.padEnd(42)} ${rate.toFixed(0).padStart(6)}/s  ${cpu.toFixed(0).padStart(4)} us CPU  ${ratios}, ${queries} queries`,
    )
  }
}

async function main(): Promise<void> {
  const database = await startDatabase()
  const redisPort = await freePort()
  const redisArgs = ['--port', `${redisPort}`, '--save', '', '--appendonly', 'no', '--dir', database.dataDir]
  const redis = spawn('redis-server', redisArgs, { stdio: 'ignore' })
  try {
    const env = { ...database.env, REDIS_URL: `redis://127.0.0.1:${redisPort}` }
    const server = await startServer(new URL('rate-limit-server.ts', import.meta.url), { env })
    try {
      const headers = { Authorization: `Bearer ${database.token}` }
      const results = new Map<string, Measured[]>()
      for (let round = 0; round <= rounds; round += 1) {
        for (const [name, port] of Object.entries(server.ports)) {
          const result = await measure(server, { port, path: '/hot', headers, requests })
          // The first round warms up.
          if (round > 0) results.set(name, [...(results.get(name) ?? []), result])
        }
      }
      print(results)
    } finally {
      server.child.kill()
    }
  } finally {
    redis.kill()
    await database.stop()
  }
}

await main()
