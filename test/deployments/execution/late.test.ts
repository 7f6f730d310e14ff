import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { lookAt } from '../crashes/crash.ts'
import { drive, expectGapFree, hello, startWorld, type World } from '../harness.ts'

// Each test is several deployments, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000 })

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

const module = (text: string) => [{ name: 'main.js', content: hello(text) }]
const marked = (id: string) => ({ annotations: { 'workers/tag': id } })
const watch = (id: string) =>
  world.ctx
    .db('jobs')
    .where({ name: 'late-arrivals', subject: `deployment:${id}` })
    .whereNull('finished_at')
    .first()

async function look(id: string) {
  const job = await watch(id)
  await worker.runner.run(deliveryOf(job.id, job.queue))
  return world.ctx.db('jobs').where({ id: job.id }).first()
}

/** A deployment in whose course a call was lost: something may still arrive. */
async function doubtful(appName: string, config: object = {}): Promise<string> {
  const id = await world.started({ appName, script: hello('proper'), ...config })
  world.proxy.fault({ method: 'POST', path: /-staging\/deployments$/, fault: { kind: 'lose' } })
  world.proxy.fault({ method: 'PUT', path: /-staging$/, fault: { kind: 'lose' } })
  await drive(world, worker, id)
  world.proxy.reset()
  return id
}

test('no watch is started if every call was answered', async () => {
  const id = await world.started({ appName: 'certain' })
  await drive(world, worker, id)
  expect(await watch(id)).toBeUndefined()
})

test('an upload that arrives after its deployment loses the traffic again', async () => {
  const id = await doubtful('late')
  const { version } = (await world.status(id)).metadata
  expect((await look(id)).state).toBe('queued')
  const before = (await world.logs(id)).length
  await world.put('late-staging', marked(id), module('duplicate'))
  expect((await world.get('late-staging')).text).toBe('duplicate')
  const job = await look(id)
  expect(job.state).toBe('queued')
  expect(job.run_at.getTime()).toBeGreaterThan(Date.now() + 5000)
  expect((await world.get('late-staging')).text).toBe('proper')
  const { marked: own, serving } = await lookAt(world, 'late-staging', id)
  expect(own).toHaveLength(2)
  expect(serving).toEqual([{ version_id: version, percentage: 100 }])
  const logs = await world.logs(id)
  expectGapFree(logs)
  expect(logs.slice(before).map((line) => line.message ?? line.type)).toEqual([
    expect.stringMatching(/is a late duplicate; it will not serve/),
    expect.stringMatching(/A late call activated version \S+; restored version \S+/),
    'end',
  ])
  await look(id)
  expect(await world.logs(id)).toHaveLength(logs.length)
  expect(await world.ctx.db('target_holds')).toEqual([])
})

test('the watch lasts 15 minutes with growing pauses, and is suspended during deployments', async () => {
  const id = await doubtful('watched')
  const next = await world.started({ appName: 'watched', script: hello('next') })
  await world.put('watched-staging', marked(id), module('duplicate'))
  await look(id)
  expect((await world.get('watched-staging')).text).toBe('duplicate')
  await drive(world, worker, next)
  expect((await world.get('watched-staging')).text).toBe('next')
  const age = (minutes: number) =>
    world.ctx
      .db('deployments')
      .where({ id })
      .update({ finished_at: new Date(Date.now() - minutes * 60_000) })
  await age(4)
  const job = await look(id)
  expect(job.run_at.getTime()).toBeGreaterThan(Date.now() + 200_000)
  await age(16)
  expect((await look(id)).state).toBe('completed')
})

test('a late upload of an earlier deployment does not replace a later one', async () => {
  const first = await doubtful('earlier')
  const second = await world.started({ appName: 'earlier', script: hello('second') })
  await drive(world, worker, second, 'health_check')
  await world.put('earlier-staging', marked(first), module('duplicate'))
  await drive(world, worker, second)
  expect((await world.get('earlier-staging')).text).toBe('second')
  await world.put('earlier-staging', marked(first), module('duplicate'))
  await look(first)
  expect((await world.get('earlier-staging')).text).toBe('second')
})

test('a late traffic change is recognized by its message', async () => {
  const first = await doubtful('traffic')
  const { version } = (await world.status(first)).metadata
  const second = await world.started({ appName: 'traffic', script: hello('second') })
  await drive(world, worker, second)
  const late = (message: string) =>
    world.script('POST', 'traffic-staging/deployments', {
      strategy: 'percentage',
      versions: [{ version_id: version, percentage: 100 }],
      annotations: { 'workers/message': message },
    })
  await late(first)
  await look(first)
  expect((await world.get('traffic-staging')).text).toBe('second')
  // A person may go back to it, and is left alone.
  await late('we want the old one')
  await look(first)
  expect((await world.get('traffic-staging')).text).toBe('proper')
})

test('a script that a late upload creates again is deleted', async () => {
  const broken = `export default { fetch: () => new Response('broken', { status: 500 }) }`
  const id = await doubtful('removed', { script: broken, healthCheck: { timeoutSeconds: 1 } })
  expect((await world.status(id)).status).toBe('rolled_back')
  await world.put('removed-staging', marked(id), module('duplicate'))
  await world.publish('removed-staging')
  await look(id)
  expect((await world.get('removed-staging')).status).toBe(404)
  expect(await world.messages(id)).toContain('A late upload created removed-staging again')
  // What others have made there since is theirs.
  await world.put('removed-staging', {}, module('theirs'))
  await world.publish('removed-staging')
  await look(id)
  expect((await world.get('removed-staging')).text).toBe('theirs')
})
