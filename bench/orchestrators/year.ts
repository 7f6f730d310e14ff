import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Knex } from 'knex'
import { rebuildRollups } from '../../src/orchestrators/store/rollups.ts'
import { quantile, startStack } from '../stack.ts'
import { openDb } from './fleet.ts'

/**
 * A year of 20 nodes (10.5 million samples, the same each time), and how long its questions take over the API.
 * `node bench/orchestrators/year.ts [runs] [days]`
 */
const runs = Number(process.argv[2] ?? 15)
const days = Number(process.argv[3] ?? 365)
const nodes = 20

/** A cycle a minute; a node is off for an hour now and then, by a hash of the node and the hour. */
async function generate(db: Knex): Promise<void> {
  await db.raw(
    `insert into orchestrator_nodes (name, ip_address, rpc_port)
     select 'bench-' || n, '192.0.2.1'::inet + n, 55000 from generate_series(1, ?) n`,
    [nodes],
  )
  await db.raw(
    `select orchestrator_samples_partition(month) from generate_series(
       date_trunc('month', now() - ? * interval '1 day'), now(), interval '1 month') month`,
    [days],
  )
  await db.raw(
    `insert into orchestrator_cycles (job_id, state, due_at, started_at, finished_at, seconds, shards_left,
       min_online, online_count, total_count, throttled, unknown, bridge_status, networks, diverged)
     select md5(at::text)::uuid, 'complete', at, at, at + interval '300 ms', 60, 0, 16, online, ${nodes}, 0, 0,
       case when online >= 16 then 'online' else 'offline' end,
       jsonb_build_object('eth', jsonb_build_object('wraps', online % 3, 'unwraps', online % 5)), '{}'
     from (select at, count(*) filter (where abs(hashtext(n || ':' || date_trunc('hour', at))) % 100 >= 7)::int
       as online
       from generate_series(date_trunc('minute', now()) - ? * interval '1 day',
         date_trunc('minute', now()) - interval '2 minutes', interval '1 minute') at,
         generate_series(1, ${nodes}) n group by at) as counted`,
    [days],
  )
  await db.raw(
    `insert into orchestrator_samples (at, cycle_id, seconds, momentum, node_id, response_ms, bnb_wraps,
       bnb_unwraps, eth_wraps, eth_unwraps, supernova_wraps, supernova_unwraps, state, verdict, confirmed)
     select c.started_at, c.id, 60, c.id * 6, n, 100 + n, 0, 0, c.online_count % 3, c.online_count % 5, 0, 0, 0,
       case when up then 'g' else 'b' end::"char", up
     from orchestrator_cycles c, generate_series(1, ${nodes}) n,
       lateral (select abs(hashtext(n || ':' || date_trunc('hour', c.started_at))) % 100 >= 7 as up) v
     order by c.started_at`,
  )
}

process.env.ORCHESTRATOR_POLL_INTERVAL = '3600'
const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
const stack = await startStack(dataDir)
const db = openDb(dataDir)
const seconds = async (work: Promise<unknown>) => {
  const startedAt = performance.now()
  await work
  return ((performance.now() - startedAt) / 1000).toFixed(0)
}

async function ask(path: string): Promise<void> {
  const answer = await fetch(`${stack.base}/api/v1${path}`, {
    headers: { Authorization: `Bearer ${stack.token}` },
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${path}: ${text}`)
}

async function measure(name: string, path: string): Promise<void> {
  await ask(path)
  const times: number[] = []
  for (let n = 0; n < runs; n++) {
    const startedAt = performance.now()
    await ask(path)
    times.push(performance.now() - startedAt)
  }
  console.log(
    `${name}: p50 ${quantile(times, 0.5).toFixed(0)} ms, max ${Math.max(...times).toFixed(0)} ms (${runs} calls)`,
  )
}

try {
  console.log(`generated in ${await seconds(generate(db))} s`)
  const all = { from: new Date(Date.now() - (days + 2) * 86_400_000), to: new Date(Date.now() + 86_400_000) }
  console.log(`sums made in ${await seconds(db.transaction((trx) => rebuildRollups(trx, all)))} s`)
  await db.raw('vacuum analyze')
  const { rows } = await db.raw(
    `select (select count(*) from orchestrator_samples) as samples,
       (select count(*) from orchestrator_cycles) as cycles,
       pg_size_pretty(sum(pg_total_relation_size(inhrelid))) as size
     from pg_inherits where inhparent = 'orchestrator_samples'::regclass`,
  )
  console.log(`${rows[0].samples} samples (${rows[0].size}), ${rows[0].cycles} cycles`)
  const { rows: found } = await db.raw('select min(id) as id from orchestrator_nodes')
  const history = `/orchestrators/${found[0].id}/history?page_size=50`
  await measure('uptime, 30 days', '/statistics/uptime?hours=720')
  await measure('uptime, a year', '/statistics/uptime?hours=8760')
  await measure('bridge, a day', '/statistics/bridge')
  await measure('bridge, 30 days by hours', '/statistics/bridge?hours=720&interval_minutes=60')
  await measure('bridge, a year by hours', '/statistics/bridge?hours=8760&interval_minutes=60')
  await measure('bridge, a year by days', '/statistics/bridge?hours=8760&interval_minutes=1440')
  await measure('networks, a year', '/statistics/networks?hours=8760')
  await measure('history, first page', history)
  await measure('history, page 5,000', `${history}&page=5000`)
} finally {
  await db.destroy()
  await stack.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(0)
