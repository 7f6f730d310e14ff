import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Knex } from 'knex'
import { readEmbeddedPostgres } from '../../src/embedded/postgres/index.ts'
import { appendEvents } from '../../src/platform/events/index.ts'
import { createDb } from '../../src/platform/postgres/db.ts'
import { quantile, type Stack, startStack } from '../stack.ts'

/**
 * How long a log line takes from being written to being read over SSE with many readers open, spread over 50
 * deployments and all on one. `node bench/http/sse.ts [readers] [lines]`
 */
const readers = Number(process.argv[2] ?? 1000)
const lines = Number(process.argv[3] ?? 400)

/** A deployment to write log lines for; nothing runs it. */
async function seed(db: Knex): Promise<string> {
  const id = randomUUID()
  const target = { app: `bench-${id.slice(0, 8)}`, environment: 'staging' }
  const plan = { digest: 'sha256:bench', config: '{}', modules: '[]', secrets: '{}', created_by: 'bench' }
  await db('plans').insert({ id, ...target, ...plan, expires_at: new Date() })
  await db('deployments').insert({ id, ...target, options: '{}', started_by: 'bench' })
  return id
}

function open(stack: Stack, id: string, seen: (sentAt: number) => void): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false })
    const headers = { Authorization: `Bearer ${stack.token}`, Accept: 'text/event-stream' }
    const req = request(`${stack.base}/deploy/${id}/logs`, { agent, headers }, (res) => {
      if (res.statusCode !== 200) return reject(new Error(`HTTP ${res.statusCode}`))
      res.on('data', (chunk: Buffer) => {
        for (const match of chunk.toString().matchAll(/"message":"at (\d+\.\d+)"/g)) seen(Number(match[1]))
      })
      resolve(() => req.destroy())
    })
    req.on('error', (error) => reject(error))
    req.end()
  })
}

const now = () => performance.timeOrigin + performance.now()

async function measure(stack: Stack, db: Knex, streams: number): Promise<void> {
  const ids = await Promise.all(Array.from({ length: streams }, () => seed(db)))
  const delays: number[] = []
  const closers: (() => void)[] = []
  for (let n = 0; n < readers; n += 50) {
    const some = Array.from({ length: Math.min(50, readers - n) }, (_, i) => ids[(n + i) % streams] ?? '')
    closers.push(
      ...(await Promise.all(some.map((id) => open(stack, id, (sentAt) => delays.push(now() - sentAt))))),
    )
  }
  const expected = (lines * readers) / streams
  for (let n = 0; n < lines; n++) {
    const stream = `deployment:${ids[n % streams]}`
    const message = `at ${now().toFixed(3)}`
    const data = { timestamp: new Date().toISOString(), level: 'info', message }
    await db.transaction((trx) => appendEvents(trx, [{ stream, type: 'message', data }]))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  while (delays.length < expected) await new Promise((resolve) => setTimeout(resolve, 50))
  for (const close of closers) close()
  const at = (share: number) => `${quantile(delays, share).toFixed(1)} ms`
  console.log(
    `${readers} readers on ${streams} stream(s), ${lines} lines, ${delays.length} deliveries: ` +
      `p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}`,
  )
}

const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
try {
  const stack = await startStack(dataDir)
  const db = createDb({ url: readEmbeddedPostgres(dataDir)?.url ?? '', name: 'bench' })
  await measure(stack, db, 50)
  await measure(stack, db, 1)
  console.log(`events in the table: ${(await db('events').count())[0]?.count}`)
  await db.destroy()
  await stack.stop()
} finally {
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(0)
