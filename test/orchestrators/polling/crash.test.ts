import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../helpers/until.ts'
import { scheduled, startWorld, type World } from '../harness.ts'

const program = fileURLToPath(new URL('mortal-worker.ts', import.meta.url))
/** Few, so that a cycle has all its kinds of statements and no more. */
const nodeCount = 2

describe('a worker that dies in front of each statement of a cycle', { timeout: 180_000 }, () => {
  let world: World
  const directory = mkdtempSync(join(tmpdir(), 'capstan-mortal-'))
  const alive = new Set<ChildProcess>()
  beforeAll(async () => {
    world = await startWorld({ nodes: nodeCount })
  })
  afterAll(async () => {
    for (const child of alive) child.kill('SIGKILL')
    await world?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  async function mortal(): Promise<ChildProcess> {
    const { PATH = '', HOME = '' } = process.env
    const { config, database } = world.ctx
    const child = fork(program, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...{ PATH, HOME, NODE_COMPILE_CACHE: directory, DATABASE_URL: database.url, DATA_DIR: directory },
        ...{ SECRET_KEY: 'a-secret-key-of-the-tests-0123456789', CLOUDFLARE_TARGET: 'local' },
        ...{ LOCAL_CLOUD_TOKEN: 'a-local-cloud-token-of-the-tests', ORCHESTRATOR_RPC_TIMEOUT: '2' },
        MIN_ONLINE_FOR_BRIDGE: String(config.orchestrators.minOnline),
      },
    })
    alive.add(child)
    child.once('exit', () => alive.delete(child))
    await once(child, 'message')
    return child
  }

  /** Lets it run a cycle. @returns the statement that it died in front of, or nothing when it ran to its end. */
  async function runToDeath(child: ChildProcess, dueAt: number, dieAt: number): Promise<string | undefined> {
    const gone = once(child, 'exit')
    child.send({ delivery: await scheduled(world.ctx, dueAt), dieAt })
    const [message] = (await once(child, 'message')) as [{ died?: string; statements?: number }]
    if (message.died === undefined) child.disconnect()
    await gone
    const left = () => world.ctx.db('pg_stat_activity').where({ application_name: 'mortal' }).first('pid')
    await until(async () => (await left()) === undefined, { what: 'the database has noticed' })
    return message.died
  }

  /** Every complete cycle has one sample of each node, and is counted once in every sum. */
  async function expectSound(cycles: number): Promise<void> {
    const { db } = world.ctx
    const rows = await db('orchestrator_cycles').orderBy('id')
    expect(rows.map(({ state }) => state)).toEqual(Array.from({ length: cycles }, () => 'complete'))
    const { rows: counted } = await db.raw(
      `select (select count(*) from orchestrator_samples)::int as samples,
         (select count(*) from (select distinct cycle_id, node_id from orchestrator_samples) as each)::int as distinct,
         (select sum(samples) from orchestrator_node_hours)::int as hours,
         (select sum(samples) from orchestrator_node_days)::int as days,
         (select sum(cycles) from orchestrator_bridge_hours)::int as bridge_hours,
         (select sum(cycles) from orchestrator_bridge_days)::int as bridge_days,
         (select sum(cycles) from orchestrator_network_days where network = 'eth')::int as network_days,
         (select count(*) from events where stream = 'orchestrators' and type = 'status_update')::int as told`,
    )
    const samples = cycles * nodeCount
    expect(counted[0]).toEqual({
      ...{ samples, distinct: samples, hours: samples, days: samples },
      ...{ bridge_hours: cycles, bridge_days: cycles, network_days: cycles, told: cycles },
    })
    const states = await db('orchestrator_states')
    for (const state of states) expect(state).toMatchObject({ cycle_id: rows.at(-1)?.id, confirmed: true })
  }

  it('leaves a cycle that the next one to get it makes good, and that is counted once', async () => {
    const { db } = world.ctx
    const base = Date.now() - 3_600_000
    const died: string[] = []
    const ahead = [mortal(), mortal(), mortal()]
    for (let dieAt = 1; ; dieAt++) {
      const child = await (ahead.shift() as Promise<ChildProcess>)
      ahead.push(mortal())
      const dueAt = base + dieAt * 60_000
      const statement = await runToDeath(child, dueAt, dieAt)
      // The lease is over; the queue delivers the job again, to somebody else.
      await db('jobs')
        .whereNotNull('lease_until')
        .update({ lease_until: db.raw("now() - interval '1 s'") })
      if (statement !== undefined) await world.engine.runner.run(await scheduled(world.ctx, dueAt))
      await expectSound(dieAt)
      if (statement === undefined) break
      died.push(statement)
    }
    for (const child of await Promise.all(ahead)) child.disconnect()
    // All kinds of writes were among them, and the end of a transaction.
    for (const part of ['jobs', 'orchestrator_cycles', 'orchestrator_samples', 'node_hours', 'node_days'])
      expect(
        died.some((sql) => sql.includes(part)),
        part,
      ).toBe(true)
    for (const part of ['orchestrator_states', 'bridge_hours', 'network_days', 'append_events', 'COMMIT'])
      expect(
        died.some((sql) => sql.includes(part)),
        part,
      ).toBe(true)
  })
})
