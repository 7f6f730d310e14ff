import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Pool } from 'undici'
import { loadConfig } from '../../src/config.ts'
import { type Context, createContext } from '../../src/context.ts'
import { createLogger } from '../../src/platform/logging/logging.ts'
import { type NamespaceReading, recordReading } from '../../src/release-tracker/collection/reading.ts'
import { cpuOf, processOf, quantile, type Stack, startStack } from '../stack.ts'

/**
 * The tracker's figures over the processes that `npm start` starts: an unchanged collection with little and with much
 * history, what runs, one history among a million intervals, badges against a bare handler, and 200 slaves.
 * `node bench/releases/release-tracker.ts [collect] [read] [badges] [slaves]`; without a name all of them.
 */
const key = 'bench-bench-bench-bench-bench-bench'
const namespaces = 20
const perNamespace = 500
const containers = namespaces * perNamespace
const ms = (value: number) => `${value.toFixed(1)} ms`

const digest = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}`

/** A cluster of 10,000 containers, as a collection has read it. */
function reading(): NamespaceReading[] {
  return Array.from({ length: namespaces }, (_, n) => ({
    namespace: `namespace-${n}`,
    at: new Date(),
    containers: Array.from({ length: perNamespace }, (_, i) => ({
      group: '',
      kind: 'Deployment',
      workload: `workload-${i}`,
      container: 'app',
      image: { repo: 'registry.example.org/team', name: `app-${i}`, tag: '1.2.3', sha: digest(i) },
      tentative: false,
      alternatives: [digest(i)],
      state: 'current' as const,
      pods: 3,
      images: [{ image_tag: '1.2.3', image_sha: digest(i), pods: 3 }],
    })),
  }))
}

async function collectUnchanged({ db, releaseTracker }: Context): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < 9; n++) {
    const read = reading()
    const startedAt = performance.now()
    const result = await db.transaction((trx) => recordReading(trx, releaseTracker.context, read))
    if (n > 0 && result.changed + result.removed > 0) throw new Error('something changed')
    if (n > 1) times.push(performance.now() - startedAt)
  }
  return quantile(times, 0.5)
}

/** Past intervals of every component, long ago. The constraint is left out meanwhile: built at once it takes minutes less. */
async function addHistory({ db }: Context, from: number, to: number): Promise<number> {
  const name = 'tracker_intervals_apart'
  const { rows } = await db.raw(
    'select pg_get_constraintdef(oid) as is from pg_constraint where conname = ?',
    [name],
  )
  await db.raw(`alter table tracker_intervals drop constraint ${name}`)
  for (let k = from; k < to; k += 10) {
    await db.raw(
      `insert into tracker_intervals (component_id, image_repo, image_name, image_tag, image_sha, first_seen, last_seen, ended)
       select c.id, c.image_repo, c.image_name, 'v' || k, 'sha256:' || lpad(to_hex(k), 64, '0'),
         '2020-01-01'::timestamptz + k * interval '1 day', '2020-01-01'::timestamptz + k * interval '1 day' + interval '23 hours',
         'replaced'
       from tracker_components c, generate_series(?::int, ?::int) k where c.interval_id is not null`,
      [k, Math.min(to, k + 10) - 1],
    )
  }
  await db.raw(`alter table tracker_intervals add constraint ${name} ${rows[0].is}`)
  await db.raw('vacuum analyze tracker_intervals')
  await db.raw('vacuum analyze tracker_components')
  return Number((await db('tracker_intervals').count())[0]?.count)
}

async function timed(base: string, path: string, rounds: number): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < rounds; n++) {
    const startedAt = performance.now()
    const answer = await fetch(base + path.replaceAll('%n', String(n)), {
      headers: { authorization: `Bearer ${key}` },
    })
    await answer.arrayBuffer()
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`)
    times.push(performance.now() - startedAt)
  }
  return times
}

/** Requests per second over 64 connections. */
async function load(base: string, path: string, seconds: number): Promise<number> {
  const pool = new Pool(base, { connections: 64, pipelining: 1 })
  let done = 0
  const endsAt = performance.now() + seconds * 1000
  const one = async () => {
    while (performance.now() < endsAt) {
      const { statusCode, body } = await pool.request({ method: 'GET', path })
      await body.arrayBuffer()
      if (statusCode !== 200) throw new Error(`${path}: ${statusCode}`)
      done++
    }
  }
  await Promise.all(Array.from({ length: 64 }, one))
  await pool.close()
  return done / seconds
}

/** The best round of each counts, since whatever else the machine does can only make one worse; so does its processor time. */
async function badges({ base, pid }: Stack): Promise<void> {
  const path = `/badges/${key}/unknown/unknown/Deployment/workload-7/app?namespace=namespace-3`
  const bytes = (await (await fetch(base + path)).text()).length
  const child = fork(new URL('../http/bare-badge.ts', import.meta.url), [String(bytes)])
  const [port] = await once(child, 'message')
  const sides = [
    {
      ...{ base: `http://127.0.0.1:${port}`, path: '/badge', pid: child.pid ?? 0 },
      rate: 0,
      micros: Number.POSITIVE_INFINITY,
    },
    { ...{ base, path, pid: processOf(pid, 'src/api.') }, rate: 0, micros: Number.POSITIVE_INFINITY },
  ]
  for (let round = 0; round < 7; round++) {
    for (const side of sides) {
      const before = cpuOf(side.pid)
      const rate = await load(side.base, side.path, 3)
      side.rate = Math.max(side.rate, rate)
      side.micros = Math.min(side.micros, ((cpuOf(side.pid) - before) * 1e6) / (rate * 3))
    }
  }
  child.disconnect()
  const [bare, ours] = sides as [(typeof sides)[0], (typeof sides)[0]]
  console.log(
    `badges of ${bytes} bytes: ${ours.rate.toFixed(0)}/s, bare handler ${bare.rate.toFixed(0)}/s: ` +
      `${((100 * ours.rate) / bare.rate).toFixed(0)} %; ${ours.micros.toFixed(0)} against ${bare.micros.toFixed(0)} us CPU: ` +
      `${((100 * bare.micros) / ours.micros).toFixed(0)} %`,
  )
}

async function slaves(base: string, { db }: Context): Promise<void> {
  const compress = promisify(gzip)
  const now = new Date().toISOString()
  const bodies = await Promise.all(
    Array.from({ length: 200 }, (_, s) =>
      compress(
        JSON.stringify({
          ...{ collector_id: randomUUID(), run_id: randomUUID(), sequence: 1, since: null },
          ...{ client_name: `client-${s}`, env_name: 'prod' },
          namespaces: [{ namespace: 'shop', last_seen: now }],
          items: Array.from({ length: 500 }, (_, i) => ({
            ...{
              namespace: 'shop',
              workload_kind: 'Deployment',
              workload_name: `w-${i}`,
              container_name: 'app',
            },
            ...{ image_repo: 'docker.io', image_name: 'app', image_tag: '1', image_sha: digest(i) },
            ...{ first_seen: now, last_seen: now, rollout: { state: 'current', pods: 1, images: [] } },
          })),
        }),
      ),
    ),
  )
  const startedAt = performance.now()
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'content-encoding': 'gzip',
  }
  const next = async () => {
    for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
      const answer = await fetch(`${base}/api/collect/batch`, { method: 'POST', headers, body })
      if (answer.status !== 200) throw new Error(await answer.text())
      await answer.arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: 8 }, next))
  const seconds = (performance.now() - startedAt) / 1000
  const rows = await db('tracker_components as c')
    .join('tracker_scopes as s', 's.id', 'c.scope_id')
    .where('s.env_name', 'prod')
    .count()
  console.log(`slaves: 200 x 500 containers in ${seconds.toFixed(1)} s, ${rows[0]?.count} rows`)
}

async function collecting(ctx: Context): Promise<void> {
  const few = await addHistory(ctx, 0, 10)
  const before = await collectUnchanged(ctx)
  console.log(`unchanged collection, ${few} intervals: ${ms(before)}`)
  const many = await addHistory(ctx, 10, 100)
  const after = await collectUnchanged(ctx)
  console.log(`unchanged collection, ${many} intervals: ${ms(after)}, ${(after / before).toFixed(2)} x`)
}

async function reads(base: string, ctx: Context): Promise<void> {
  const { db } = ctx
  const intervals = Number((await db('tracker_intervals').count())[0]?.count)
  const path = '/api/releases/current?client_name=unknown&env_name=unknown'
  const changed: number[] = []
  for (let n = 0; n < 12; n++) {
    await db('tracker_scopes').update({ version: db.raw('gen_random_uuid()') })
    changed.push(...(await timed(base, path, 1)))
  }
  const collected: number[] = []
  for (let n = 0; n < 8; n++) {
    await db.transaction((trx) => recordReading(trx, ctx.releaseTracker.context, reading()))
    collected.push(...(await timed(base, path, 1)))
  }
  const current = await timed(base, path, 12)
  console.log(
    `current, ${containers} containers: p50 ${ms(quantile(current.slice(2), 0.5))}; ` +
      `right after a collection that found the same p50 ${ms(quantile(collected.slice(2), 0.5))}; ` +
      `with everything in all namespaces changed just before p50 ${ms(quantile(changed.slice(2), 0.5))}`,
  )
  const one = '/api/releases/history/unknown/unknown/namespace-5/workload-%n/app?limit=100'
  const history = await timed(base, one, 200)
  const [p50, p99] = [quantile(history, 0.5), quantile(history, 0.99)]
  console.log(`history of 101 intervals among ${intervals}: p50 ${ms(p50)}, p99 ${ms(p99)}`)
}

const named = process.argv.slice(2)
const wants = (section: string) => named.length === 0 || named.includes(section)
const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
process.env.API_KEYS = `admin:${key}`
process.env.MODE = 'master'
// Badges are paid for by their reader's address; the limiter counts, only the limit is out of the way.
const limits = { RATE_LIMIT_ADDRESS_PER_SECOND: '10000', RATE_LIMIT_ADDRESS_BURST: '100000' }
let stack: Stack | undefined
try {
  stack = await startStack(dataDir, limits)
  const env = { ...process.env, DATA_DIR: dataDir, LOG_LEVEL: 'warn' }
  const ctx = createContext(loadConfig(env), 'bench', {
    log: createLogger({ level: 'warn', process: 'bench' }),
  })
  const first = performance.now()
  await ctx.db.transaction((trx) => recordReading(trx, ctx.releaseTracker.context, reading()))
  console.log(`first collection of ${containers} containers: ${ms(performance.now() - first)}`)
  if (wants('collect')) await collecting(ctx)
  if (wants('read')) await reads(stack.base, ctx)
  if (wants('badges')) await badges(stack)
  if (wants('slaves')) await slaves(stack.base, ctx)
  await ctx.dispose()
} finally {
  await stack?.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(0)
