import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { drive, expectGapFree, hello, openJob, startWorld, type World } from '../harness.ts'
import { type Fault, refusal } from './fault-proxy.ts'

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

const limited = (seconds: number): Fault => ({
  kind: 'answer',
  status: 429,
  headers: { 'retry-after': String(seconds) },
  body: 'slow down',
})
const uploads = (app: string) => world.proxy.made('POST', new RegExp(`${app}-staging/versions$`))

/** An app with a version that serves, and a second deployment that is about to upload. */
async function secondUpload(app: string): Promise<string> {
  await drive(world, worker, await world.started({ appName: app, script: hello('before') }))
  const id = await world.started({ appName: app, script: hello('after') })
  await drive(world, worker, id, 'deploy_worker')
  world.proxy.reset()
  return id
}

async function marked(app: string, id: string): Promise<string[]> {
  const { result } = await world.script('GET', `${app}-staging/versions`)
  const own = result.items.filter((each: { annotations: object }) =>
    Object.values(each.annotations).includes(id),
  )
  return own.map((each: { id: string }) => each.id).reverse()
}

async function serving(app: string): Promise<{ version_id: string; percentage: number }[]> {
  return (await world.script('GET', `${app}-staging/deployments`)).result.deployments[0].versions
}

/** It completed, and the one version with its mark has all the traffic. */
async function expectDeployed(app: string, id: string): Promise<void> {
  const { status, metadata } = await world.status(id)
  expect(status).toBe('completed')
  const own = await marked(app, id)
  expect(own).toEqual([metadata.version])
  expect(await serving(app)).toEqual([{ version_id: own[0], percentage: 100 }])
  expect(await world.get(`${app}-staging`)).toEqual({ status: 200, text: 'after' })
  expectGapFree(await world.logs(id))
}

describe('a rate limit', () => {
  test('on a read is waited for if it is short', async () => {
    const id = await secondUpload('limit-read')
    world.proxy.fault({ method: 'GET', path: /\/scripts$/, fault: limited(1) })
    await drive(world, worker, id)
    const [refused, again] = world.proxy.made('GET', /\/scripts$/)
    expect((again?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(1000)
    await expectDeployed('limit-read', id)
    const step = await world.ctx
      .db('deployment_steps')
      .where({ deployment_id: id, step: 'deploy_worker' })
      .first()
    expect(step.attempt).toBe(1)
  })

  test.each([
    ['a read', 'GET', /\/scripts$/],
    ['an upload', 'POST', /\/versions$/],
  ])(
    'that is long on %s ends the attempt, and the next one is not before its time',
    async (what, method, path) => {
      const app = `limit-${what.replace(' ', '-')}`
      const id = await secondUpload(app)
      world.proxy.fault({ method, path, fault: limited(40) })
      const job = await openJob(world.ctx, id)
      await worker.runner.run(deliveryOf(job.id, job.queue))
      const row = await openJob(world.ctx, id)
      expect([row.state, row.error.code]).toEqual(['retrying', 'SYS_003'])
      const wait = row.run_at.getTime() - Date.now()
      expect(wait).toBeGreaterThan(35_000)
      expect(wait).toBeLessThanOrEqual(40_000)
      expect(world.proxy.made(method, path)).toHaveLength(1)
      // Nobody else of this account calls before that time, either; here it is over at once.
      await world.ctx.db('cloudflare_budgets').delete()
      await drive(world, worker, id)
      await expectDeployed(app, id)
    },
  )
})

describe('server faults', () => {
  test('on reads are retried inside the step', async () => {
    const id = await secondUpload('faults-read')
    for (const path of [/\/scripts$/, /-staging\/versions$/, /\/namespaces$/])
      world.proxy.fault({ method: 'GET', path, fault: { kind: 'answer', status: 502, body: '<html>' } })
    world.proxy.fault({
      method: 'GET',
      path: /\/deployments$/,
      fault: refusal(500, 10013, 'An unknown error'),
    })
    await drive(world, worker, id)
    await expectDeployed('faults-read', id)
    expect(await world.messages(id)).not.toMatch(/; retrying/)
  })

  test('on an upload cause no second upload before a search for the first one', async () => {
    const id = await secondUpload('faults-upload')
    world.proxy.fault({ method: 'POST', path: /\/versions$/, times: 2, fault: refusal(503, 10013, 'busy') })
    await drive(world, worker, id)
    await expectDeployed('faults-upload', id)
    const looked = world.proxy.calls
      .filter((call) => call.path.endsWith('/versions'))
      .map((call) => call.method)
    expect(looked).toEqual(['GET', 'POST', 'GET', 'POST', 'GET', 'POST'])
    expect(await world.messages(id)).toMatch(/\[SYS_002\]; retrying \(attempt 2 of 4\)/)
  })

  test('that persist use up the attempts, and the previous version serves', async () => {
    const id = await secondUpload('faults-ever')
    world.proxy.fault({
      method: 'POST',
      path: /\/versions$/,
      times: 99,
      fault: refusal(500, 10013, 'broken'),
    })
    await drive(world, worker, id)
    const { status, error } = await world.status(id)
    expect([status, error.code]).toEqual(['rolled_back', 'SYS_002'])
    expect(uploads('faults-ever')).toHaveLength(4)
    expect((await world.get('faults-ever-staging')).text).toBe('before')
  })
})

describe('a lost answer', () => {
  const points: [string, string, RegExp, Fault][] = [
    ['the upload of a version, lost', 'POST', /-staging\/versions$/, { kind: 'lose' }],
    ['the upload of a version, cut off', 'POST', /-staging\/versions$/, { kind: 'truncate' }],
    ['the change of traffic, lost', 'POST', /-staging\/deployments$/, { kind: 'lose' }],
    ['the change of traffic, cut off', 'POST', /-staging\/deployments$/, { kind: 'truncate' }],
    ['a list, cut off', 'GET', /-staging\/versions$/, { kind: 'truncate' }],
    ['an upload that was never sent', 'POST', /-staging\/versions$/, { kind: 'drop' }],
  ]
  test.each(points)('%s: one version is made, and it serves', async (name, method, path, fault) => {
    const app = `lost-${points.findIndex((point) => point[0] === name)}`
    const id = await secondUpload(app)
    world.proxy.fault({ method, path, fault })
    await drive(world, worker, id)
    await expectDeployed(app, id)
    const sent = uploads(app).length
    expect(sent).toBe(fault.kind === 'drop' ? 2 : 1)
  })

  test.each<[Fault['kind'], Fault]>([
    ['lose', { kind: 'lose' }],
    ['truncate', { kind: 'truncate' }],
  ])('of the upload that creates the script (%s): it is not made twice', async (kind, fault) => {
    const app = `created-${kind}`
    const id = await world.started({ appName: app, script: hello('after') })
    world.proxy.fault({ method: 'PUT', path: /-staging$/, fault })
    world.proxy.fault({ method: 'POST', path: /-staging\/subdomain$/, fault })
    await drive(world, worker, id)
    await expectDeployed(app, id)
    expect(world.proxy.made('PUT', /-staging$/)).toHaveLength(1)
  })
})

describe("a late duplicate with Capstan's mark", () => {
  const metadata = (id: string) => ({ annotations: { 'workers/tag': id } })
  const module = [{ name: 'main.js', content: hello('duplicate') }]

  test('of a version is found, logged and never serves; the first version does', async () => {
    const id = await secondUpload('late-version')
    const twice = async () => void (await world.upload('late-version-staging', metadata(id), module))
    world.proxy.fault({ method: 'POST', path: /\/versions$/, fault: { kind: 'lose', meanwhile: twice } })
    await drive(world, worker, id)
    const [first, second] = await marked('late-version', id)
    expect(second).toBeDefined()
    expect(await serving('late-version')).toEqual([{ version_id: first, percentage: 100 }])
    expect((await world.status(id)).metadata.version).toBe(first)
    expect(await world.messages(id)).toContain(`Version ${second} is a late duplicate`)
  })

  test.each(['deploy_worker', 'health_check'])(
    'of a whole script, which serves at once, loses the traffic again (before the step %s)',
    async (before) => {
      const app = `late-${before.replace('_', '-')}`
      const id = await world.started({ appName: app, script: hello('after') })
      if (before === 'deploy_worker') {
        const twice = async () => void (await world.put(`${app}-staging`, metadata(id), module))
        world.proxy.fault({ method: 'PUT', path: /-staging$/, fault: { kind: 'lose', meanwhile: twice } })
      } else {
        await drive(world, worker, id, before)
        await world.put(`${app}-staging`, metadata(id), module)
      }
      await drive(world, worker, id)
      const [first, second] = await marked(app, id)
      expect(second).toBeDefined()
      expect(await serving(app)).toEqual([{ version_id: first, percentage: 100 }])
      expect((await world.get(`${app}-staging`)).text).toBe('after')
      expect(await world.status(id)).toMatchObject({ status: 'completed', metadata: { version: first } })
      expect(await world.messages(id)).toMatch(/late duplicate/)
    },
  )

  test('is distinguished from a version of another tool, which keeps serving', async () => {
    const id = await secondUpload('others')
    await drive(world, worker, id, 'health_check')
    await world.put('others-staging', {}, [{ name: 'main.js', content: hello('others') }])
    await drive(world, worker, id)
    expect((await world.get('others-staging')).text).toBe('others')
    expect(await world.messages(id)).toMatch(/did not upload/)
  })
})
