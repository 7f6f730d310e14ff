import { cpus } from 'node:os'
import { startDatabase } from '../database.ts'
import { connections, type Measured, measure, pin, type Server, startServer } from '../load.ts'
import { bodies } from './http-bodies.ts'

/**
 * What an answer costs inside the whole application (all its routes, sign-in, rate limit, access log, events) against
 * a bare Express handler that sends the same body, its ETag included. `node bench/http/http.ts [requests a round] [rounds]`.
 * Both sides are processes of their own on one core, the load is on another, and rounds are taken in turns; the best
 * round of each counts, since whatever else the machine does can only make one worse.
 */
const requests = Number(process.argv[2] ?? 5000)
const rounds = Number(process.argv[3] ?? 7)

const cases = [
  { name: 'status, 8 kB, by res.json', bare: '/json/status', app: '/bench/status', goal: 70 },
  { name: 'status, 8 kB, by res.send of a text', bare: '/status', app: '/bench/status', goal: 70 },
  { name: 'badge, 1 kB', bare: '/badge/x', app: '/bench/badge/x', goal: 60 },
  { name: 'releases, small JSON', bare: '/releases', app: '/bench/releases', goal: 50 },
]

async function rate(server: Server, path: string, token: string): Promise<Measured> {
  const headers = { Authorization: `Bearer ${token}` }
  return measure(server, { port: server.ports.http ?? 0, path, headers, requests })
}

async function compare(bare: Server, app: Server, token: string): Promise<void> {
  for (const { name, goal, ...paths } of cases) {
    const rates = { bare: [] as number[], app: [] as number[] }
    const costs = { bare: [] as number[], app: [] as number[] }
    for (let round = 0; round <= rounds; round += 1) {
      for (const side of ['bare', 'app'] as const) {
        const { perSecond, cpuMicros } = await rate(side === 'bare' ? bare : app, paths[side], token)
        // The first round warms up.
        if (round > 0) {
          rates[side].push(perSecond)
          costs[side].push(cpuMicros)
        }
      }
    }
    const [best, least] = [Math.max(...rates.app), Math.min(...costs.app)]
    const [bareBest, bareLeast] = [Math.max(...rates.bare), Math.min(...costs.bare)]
    const byRate = `${best.toFixed(0)} of ${bareBest.toFixed(0)}/s: ${((100 * best) / bareBest).toFixed(0)} %`
    const byCost = `${least.toFixed(0)} against ${bareLeast.toFixed(0)} us CPU: ${((100 * bareLeast) / least).toFixed(0)} %`
    console.log(`${name.padEnd(38)} ${byRate.padEnd(26)} ${byCost.padEnd(34)} (goal ${goal} %)`)
  }
}

async function main(): Promise<void> {
  const database = await startDatabase()
  try {
    const file = new URL('http-server.ts', import.meta.url)
    const bare = await startServer(file, { env: {}, args: ['bare'] })
    const limits = { RATE_LIMIT_ADDRESS_PER_SECOND: '10000', RATE_LIMIT_ADDRESS_BURST: '100000' }
    const app = await startServer(file, { env: { ...database.env, ...limits }, args: ['app'] })
    if (cpus().length > 1) {
      for (const server of [bare, app]) pin(server.child.pid, 0)
      pin(process.pid, 1)
    }
    try {
      const sizes = Object.values(bodies).map((body) =>
        typeof body === 'string' ? body.length : JSON.stringify(body).length,
      )
      console.log(
        `${requests} requests x ${rounds} rounds, ${connections} connections, bodies of ${sizes.join(', ')} bytes`,
      )
      await compare(bare, app, database.token)
    } finally {
      bare.child.kill()
      app.child.kill()
    }
  } finally {
    await database.stop()
  }
}

await main()
