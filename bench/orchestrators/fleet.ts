import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Knex } from 'knex'
import { readEmbeddedPostgres } from '../../src/embedded/postgres/index.ts'
import { createDb } from '../../src/platform/postgres/db.ts'

/** Fake nodes in a process of their own, as far from the worker as nodes are. */
export interface Fleet {
  ports: number[]
  stop(): void
}

/** @param dead how many of them accept and never answer. */
export async function startFleet(count: number, dead: number): Promise<Fleet> {
  const child: ChildProcess = fork(fileURLToPath(new URL('nodes.ts', import.meta.url)), [
    String(count),
    String(dead),
  ])
  const [ports] = (await once(child, 'message')) as [number[]]
  return { ports, stop: () => void child.kill() }
}

export const openDb = (dataDir: string): Knex =>
  createDb({ url: readEmbeddedPostgres(dataDir)?.url ?? '', name: 'bench', max: 4 })

/** The fleet, and nothing else, is what the service watches. */
export async function watch(db: Knex, ports: number[]): Promise<void> {
  await db('orchestrator_nodes').update({ is_active: false })
  const rows = ports.map((port, index) => ({
    name: `bench-${port}-${index}`,
    ip_address: '127.0.0.1',
    rpc_port: port,
  }))
  await db.batchInsert('orchestrator_nodes', rows, 500)
}

export interface CycleFigures {
  id: string
  ms: number
  online: number
  total: number
  slowestMs: number
}

/** The next complete cycles, from now on. */
export async function nextCycles(db: Knex, count: number): Promise<CycleFigures[]> {
  const { rows: before } = await db.raw('select coalesce(max(id), 0) as id from orchestrator_cycles')
  for (;;) {
    const { rows } = await db.raw(
      `select c.id, extract(epoch from finished_at - started_at) * 1000 as ms, online_count as online,
         total_count as total, (select max(response_ms) from orchestrator_samples s
           where s.at = c.started_at and s.cycle_id = c.id) as "slowestMs"
       from orchestrator_cycles c where id > ? and state = 'complete' order by id limit ?`,
      [before[0].id, count],
    )
    if (rows.length === count) return rows.map((row: CycleFigures) => ({ ...row, ms: Number(row.ms) }))
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
