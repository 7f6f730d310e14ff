import { afterAll, beforeAll, expect, it } from 'vitest'
import { FakeNode } from './fake-node.ts'
import { startWorld, type World } from './harness.ts'

const count = 1000
const dead = 200
const deadlineS = 3

let world: World
const nodes: FakeNode[] = []
beforeAll(async () => {
  world = await startWorld({
    env: { ORCHESTRATOR_RPC_TIMEOUT: String(deadlineS), MIN_ONLINE_FOR_BRIDGE: '700' },
  })
  for (let n = 0; n < count; n++) {
    const node = new FakeNode(`Node-${n}`)
    // Accepts, and never answers.
    if (n < dead) node.fault = 'hang'
    nodes.push(await node.start())
  }
  await world.ctx.db.batchInsert(
    'orchestrator_nodes',
    nodes.map(({ pillarName: name, port }) => ({ name, ip_address: '127.0.0.1', rpc_port: port })),
    500,
  )
}, 60_000)
afterAll(async () => {
  await world?.stop()
  await Promise.all(nodes.map((node) => node.stop()))
})

it('a thousand nodes are one cycle, and those that are dead hold nobody up', {
  timeout: 60_000,
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
  expect(seconds).toBeLessThan(deadlineS * 5)
  const { json } = await world.call('/orchestrators/status')
  expect(json.orchestrators).toHaveLength(count)
})
