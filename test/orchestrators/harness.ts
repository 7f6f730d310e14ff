import { randomUUID } from 'node:crypto'
import { insertDueJob } from '../../src/platform/jobs/store.ts'
import type { DeliveryJob } from '../../src/platform/queues/index.ts'
import { startApi } from '../helpers/api.ts'
import { type Backend, createTestContext, startEngine, type TestContext } from '../helpers/context.ts'
import { until } from '../helpers/until.ts'
import { deliveryOf } from '../platform/jobs/job-harness.ts'
import { FakeNode } from './nodes/fake-node.ts'

const api1 = '/api/v1'

export interface WorldOptions {
  nodes?: number
  backend?: Backend
  env?: Record<string, string>
}

export type World = Awaited<ReturnType<typeof startWorld>>

/** The application over some fake nodes. Cycles run when the test says so. */
export async function startWorld(options: WorldOptions = {}) {
  const nodes = await Promise.all(
    Array.from({ length: options.nodes ?? 0 }, (_, index) => new FakeNode(nameOf(index)).start()),
  )
  const env = {
    MIN_ONLINE_FOR_BRIDGE: '2',
    ORCHESTRATOR_RPC_TIMEOUT: '2',
    ...options.env,
  }
  const { backend } = options
  const ctx = await createTestContext({ env, ...(backend === undefined ? {} : { backend }) })
  const api = await startApi(ctx)
  const admin = await api.signIn('the-admin', true)
  const engine = await startEngine(ctx, { queues: [], without: ['dispatcher', 'reconciler'] })
  const beside: { ctx: TestContext; engine: Awaited<ReturnType<typeof startEngine>> }[] = []
  const call = (path: string, given: Parameters<typeof api.call>[1] = {}) =>
    api.call(api1 + path, { token: admin, ...given })
  let due = Date.now() - 3_600_000
  for (const [index, node] of nodes.entries()) {
    // Read back by what they are called: ids follow the order.
    await call('/orchestrators', { json: fieldsOf(node, index) })
  }

  return {
    ...{ ctx, api, admin, call, nodes, engine, env },
    /** Runs one cycle, due at some time of its own. @returns its row. */
    async cycle(runner = engine.runner) {
      due += 60_000
      const end = await runner.run(await scheduled(ctx, due))
      const row = await latest(ctx)
      if (row.state !== 'complete') throw new Error(`the cycle did not end: ${JSON.stringify(end)}`)
      // The web side hears of it by an event.
      const finished = row.finished_at.toISOString()
      await until(async () => (await call('/orchestrators/status')).json.timestamp === finished)
      return { end, row }
    },
    dueAt: () => due,
    /** Delivers every job of the queue that waits. */
    async deliverWaiting(runner = engine.runner) {
      const jobs = await ctx
        .db('jobs')
        .where({ queue: 'poll-orchestrators', state: 'queued' })
        .orderBy('created_at')
      for (const job of jobs) await runner.run(deliveryOf(job.id, job.queue))
      return jobs.length
    },
    node: (index: number) => nodes[index] as FakeNode,
    /** What the status says of a node. */
    async shown(name: string) {
      const { json } = await call('/orchestrators/status')
      return json.orchestrators.find((each: { node_name: string }) => each.node_name === name)
    },
    async sample(nodeId: number) {
      return ctx.db('orchestrator_samples').where({ node_id: nodeId }).orderBy('at', 'desc').first()
    },
    /** Another worker process of the same installation. */
    async another() {
      const own = await createTestContext({ env, beside: ctx })
      const its = await startEngine(own, { queues: [], without: ['dispatcher', 'reconciler'] })
      beside.push({ ctx: own, engine: its })
      return its
    },
    async stop() {
      for (const each of beside) {
        await each.engine.stop()
        await each.ctx.dispose()
      }
      await ctx.orchestrators.stop()
      await engine.stop()
      await api.stop()
      await ctx.dispose()
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

const nameOf = (index: number) => `Node-${String(index + 1).padStart(2, '0')}`

const fieldsOf = (node: FakeNode, index: number) => ({
  name: nameOf(index),
  ip_address: '127.0.0.1',
  rpc_port: node.port,
  pubkey: node.pubkey,
})

/** Makes the cycle's job as its schedule does, once for each due time. @returns its delivery. */
export async function scheduled({ db }: Pick<TestContext, 'db'>, dueAt: number): Promise<DeliveryJob> {
  const key = `poll-orchestrators/poll-cycle@${dueAt}`
  const row = {
    id: randomUUID(),
    queue: 'poll-orchestrators',
    name: 'poll-cycle',
    payload: {},
    maxAttempts: 3,
  }
  await insertDueJob(db, row, { key, lateMs: Math.max(0, Date.now() - dueAt) })
  const { id } = await db('jobs').where({ due_key: key }).first()
  return deliveryOf(id, 'poll-orchestrators')
}

export const latest = (ctx: TestContext) => ctx.db('orchestrator_cycles').orderBy('id', 'desc').first()
