import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readEmbeddedPostgres } from '../../src/embedded/postgres/index.ts'
import { createDb } from '../../src/platform/postgres/db.ts'
import { memoryOf, quantile, type Stack, startStack } from '../stack.ts'

// Twenty apps, ten deployments each, all apps at once: how long one takes, how many get done, and what is left behind.
const apps = Number(process.argv[2] ?? 20)
const rounds = Number(process.argv[3] ?? 10)

interface Ended {
  app: string
  seconds: number
  status: string
}

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
  const stack = await startStack(dataDir)
  try {
    const { deploy, busy } = clientOf(stack)
    // What is loaded and made once is not what is measured.
    await Promise.all(appNames().map((app) => deploy(app, 0)))
    const before = memoryOf(stack.pid)
    let peak = before
    const watch = setInterval(() => {
      const now = memoryOf(stack.pid)
      if (now.total > peak.total) peak = now
    }, 5000).unref()
    const startedAt = performance.now()
    const perApp = await Promise.all(
      appNames().map(async (app) => {
        const ended: Ended[] = []
        for (let round = 1; round <= rounds; round++) {
          ended.push(await deploy(app, round))
          told(apps * rounds, startedAt)
        }
        return ended
      }),
    )
    clearInterval(watch)
    const took = (performance.now() - startedAt) / 1000
    const all = perApp.flat()
    const seconds = all.map((each) => each.seconds)
    const wrong = all.filter((each) => each.status !== 'completed').length
    console.log(
      `${apps} apps x ${rounds} deployments: ${all.length} in ${took.toFixed(1)} s, ${wrong} not completed`,
    )
    console.log(`throughput ${(all.length / took).toFixed(2)} deployments/s`)
    console.log(
      `a deployment: median ${quantile(seconds, 0.5).toFixed(2)} s, p95 ${quantile(seconds, 0.95).toFixed(2)} s`,
    )
    const totals = perApp.map((ended) => ended.reduce((sum, each) => sum + each.seconds, 0))
    console.log(
      `fairness: an app's ten took ${Math.min(...totals).toFixed(1)} to ${Math.max(...totals).toFixed(1)} s`,
    )
    console.log(await leftBehind(dataDir))
    console.log(`answers of 503 that were asked again: ${busy()}`)
    const after = await settled(stack, before.total)
    for (const [name, { total, parts }] of Object.entries({ before, peak, after })) {
      console.log(`memory (PSS) ${name}: ${total.toFixed(0)} MB (${parts.join(', ')})`)
    }
  } finally {
    await stack.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

let done = 0
/** A long run that is stopped has told something, too. */
function told(all: number, startedAt: number): void {
  done += 1
  if (done % apps !== 0) return
  const seconds = (performance.now() - startedAt) / 1000
  console.log(`  ${done} of ${all} after ${seconds.toFixed(1)} s`)
}

/** Leases, locks and open jobs when nothing is deployed any more. */
async function leftBehind(dataDir: string): Promise<string> {
  const url = readEmbeddedPostgres(dataDir)?.url
  if (url === undefined) throw new Error('the service has no database of its own')
  const db = createDb({ url, name: 'bench', max: 1 })
  try {
    const { rows } = await db.raw(`select
      (select count(*) from jobs where lease_until is not null and subject like 'deployment:%') as leases,
      (select count(*) from target_holds) as holds,
      (select count(*) from deployments where started_at is not null and finished_at is null) as live,
      (select count(*) from pg_locks where locktype = 'advisory' and database =
        (select oid from pg_database where datname = current_database())) as advisory`)
    const [{ leases, holds, live, advisory }] = rows
    return `left behind: ${leases} leases, ${holds} holds, ${live} live deployments; ${advisory} advisory locks`
  } finally {
    await db.destroy()
  }
}

/** Memory when it is where it was, or after two minutes: collectors give back in their own time. */
async function settled(stack: Stack, aim: number) {
  const giveUpAt = Date.now() + 120_000
  for (;;) {
    const now = memoryOf(stack.pid)
    if (now.total <= aim || Date.now() > giveUpAt) return now
    await delay(5000)
  }
}

const appNames = () => Array.from({ length: apps }, (_, index) => `bench-${index + 1}`)

function clientOf({ base, token }: Stack) {
  /** How often the service said that it can't just now. */
  let retried = 0
  // biome-ignore lint/suspicious/noExplicitAny: a bench reads single fields
  async function call(path: string, json?: unknown): Promise<any> {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const init = json === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(json) }
    const answer = await fetch(base + path, init)
    if (answer.status === 503) {
      retried += 1
      await delay(Number(answer.headers.get('retry-after') ?? 1) * 1000)
      return call(path, json)
    }
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
    return answer.json()
  }

  async function deploy(app: string, round: number): Promise<Ended> {
    const script = `export default { fetch: () => new Response('${app} ${round}') }`
    const startedAt = performance.now()
    const prepared = await call('/deploy/prepare', {
      environment: 'staging',
      config: { appName: app, script },
    })
    const { deploymentId } = prepared.data
    await call('/deploy', { deploymentId, environment: 'staging' })
    const headers = { Authorization: `Bearer ${token}` }
    // Its log ends when it does.
    const log = await fetch(`${base}/deploy/${deploymentId}/logs`, { headers })
    const status = /"status":"(\w+)"\}\n\n$/.exec((await log.text()).slice(-300))?.[1] ?? 'unknown'
    return { app, seconds: (performance.now() - startedAt) / 1000, status }
  }
  return { deploy, busy: () => retried }
}

await main()
