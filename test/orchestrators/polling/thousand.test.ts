import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWorld, type World } from '../harness.ts'

const count = 1000
const dead = 200
/** Longer than a busy machine needs for those that do answer. */
const deadlineS = 6

let world: World
let fleet: ChildProcess
beforeAll(async () => {
  world = await startWorld({
    env: { ORCHESTRATOR_RPC_TIMEOUT: String(deadlineS), MIN_ONLINE_FOR_BRIDGE: '700' },
  })
  // In a process of their own, where the bench has them, too: what they do must not delay who asks them.
  const program = fileURLToPath(new URL('../../../bench/orchestrators/nodes.ts', import.meta.url))
  fleet = fork(program, [String(count), String(dead)])
  const [ports] = (await once(fleet, 'message')) as [number[]]
  const rows = ports.map((port) => ({ name: `Node-${port}`, ip_address: '127.0.0.1', rpc_port: port }))
  await world.ctx.db.batchInsert('orchestrator_nodes', rows, 500)
}, 60_000)
afterAll(async () => {
  fleet?.kill()
  await world?.stop()
})

it('a thousand nodes are one cycle, and those that are dead hold nobody up', {
  timeout: 120_000,
}, async () => {
  const { row } = await world.cycle()
  expect(row).toMatchObject({
    ...{ online_count: count - dead, total_count: count, throttled: 0, unknown: 0 },
    ...{ bridge_status: 'online', shards: 1 },
  })
  const samples = await world.ctx.db('orchestrator_samples').groupBy('verdict').select('verdict').count()
  expect(Object.fromEntries(samples.map(({ verdict, count: n }) => [verdict, Number(n)]))).toEqual({
    b: dead,
    g: count - dead,
  })
  // One deadline for all of them, not one after the other.
  const seconds = (row.finished_at.getTime() - row.started_at.getTime()) / 1000
  expect(seconds).toBeGreaterThan(deadlineS - 0.1)
  expect(seconds).toBeLessThan(deadlineS * 3)
  const { json } = await world.call('/orchestrators/status')
  expect(json.orchestrators).toHaveLength(count)
})
