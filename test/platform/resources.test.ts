import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createResources } from '../../src/platform/resources.ts'
import { createTestContext, type TestContext } from '../helpers/context.ts'
import { done, enqueue, testJob } from './jobs/job-harness.ts'

const dataDir = join(tmpdir(), `capstan-resources-${process.pid}`)
const job = testJob(done)
let ctx: TestContext
beforeAll(async () => {
  mkdirSync(dataDir)
  ctx = await createTestContext()
})
afterAll(async () => {
  rmSync(dataDir, { recursive: true })
  await ctx?.dispose()
})

const resources = (folder = dataDir) =>
  createResources({ db: ctx.db, queues: ctx.queues, queueNames: ['work', 'maintenance'], dataDir: folder })

it('describe the queues, the database and the disk of the installation', async () => {
  const [active, later] = [await enqueue(ctx, job), await enqueue(ctx, job)]
  await enqueue(ctx, job)
  const ended = await enqueue(ctx, job)
  const leased = { state: 'running', lease_until: ctx.db.raw("now() + interval '1 minute'") }
  await ctx.db('jobs').where({ id: active }).update(leased)
  await ctx
    .db('jobs')
    .where({ id: later })
    .update({ run_at: ctx.db.raw("now() + interval '1 hour'") })
  await ctx.db('jobs').where({ id: ended }).update({ state: 'completed', finished_at: new Date() })
  const { queues, database, disk } = await resources()()
  expect(queues).toEqual([
    { queue: 'work', workers: 0, waiting: 1, delayed: 1, active: 1 },
    { queue: 'maintenance', workers: 0, waiting: 0, delayed: 0, active: 0 },
  ])
  expect(database.sizeBytes).toBeGreaterThan(1_000_000)
  expect(database.connections).toBeGreaterThan(0)
  expect(database.maxConnections).toBeGreaterThan(database.connections)
  expect(disk?.freeBytes).toBeGreaterThan(0)
  expect(disk?.totalBytes).toBeGreaterThanOrEqual(disk?.freeBytes ?? 0)
})

it('report an unknown disk if it cannot be read', async () => {
  expect((await resources(join(dataDir, 'nowhere'))()).disk).toBeNull()
})

it('are read once for concurrent callers and cached', async () => {
  const read = resources()
  const [first, second] = await Promise.all([read(), read()])
  expect(second).toBe(first)
  expect(await read()).toBe(first)
})
