import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { until } from '../../helpers/until.ts'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { refusal } from '../cloudflare/fault-proxy.ts'
import { drive, hello, openJob, startWorld, type World } from '../harness.ts'

vi.setConfig({ testTimeout: 120_000 })

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  // What is given up settles so soon.
  world = await startWorld({ env: { CLOUDFLARE_SETTLE_SECONDS: '4' } })
  worker = await world.worker()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

const broken = `export default { fetch: () => new Response('broken', { status: 500 }) }`
const impatient = { healthCheck: { timeoutSeconds: 1 } }

async function deployed(appName: string, text: string, options: object = {}): Promise<string> {
  const id = await world.started({ appName, script: hello(text), ...options })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
  return id
}

/** The next such call waits on its way until it is released. */
function hold(method: string, path: RegExp) {
  const gate = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const until = gate.promise
  const fault = { kind: 'hold', until, reached: reached.resolve, arrived: arrived.resolve } as const
  world.proxy.fault({ method, path, fault })
  return {
    reached: reached.promise,
    async release() {
      gate.resolve()
      await arrived.promise
    },
  }
}

const made = (method: string, path: RegExp, count: number) =>
  until(() => world.proxy.made(method, path).length === count, { what: `${count} x ${method}` })

async function watch(id: string) {
  const watching = { name: 'late-arrivals', subject: `deployment:${id}` }
  return world.ctx.db('jobs').where(watching).whereNull('finished_at').first()
}

describe('a removal in flight', () => {
  const remove = async (app: string) => {
    const json = { confirm: app }
    const answer = await world.call(`/deploy/apps/${app}/staging`, { method: 'DELETE', json })
    return world.ctx.db('jobs').where({ id: answer.json.data.jobId }).first()
  }

  test('at the shutdown of its worker arrives while the app is still held', async () => {
    await deployed('held', 'before')
    const job = await remove('held')
    const removal = hold('DELETE', /held-staging$/)
    const run = () => worker.runner.run(deliveryOf(job.id, job.queue))
    const first = run()
    await removal.reached
    worker.keeper.abortAll('shutdown')
    await first
    const second = run()
    await made('DELETE', /held-staging$/, 2)
    expect(await world.ctx.db('target_holds').where({ app: 'held' })).toHaveLength(1)
    await removal.release()
    await second
    await deployed('held', 'next')
    expect((await world.get('held-staging')).text).toBe('next')
    expect(await world.ctx.db('target_holds')).toEqual([])
  })

  test('at its cancel blocks new deployments until it can no longer arrive', async () => {
    const before = await deployed('spared', 'before')
    const next = await world.planned({ appName: 'spared', script: hello('next') })
    const job = await remove('spared')
    const removal = hold('DELETE', /spared-staging$/)
    const running = worker.runner.run(deliveryOf(job.id, job.queue))
    await removal.reached
    expect((await world.call(`/jobs/${job.id}/cancel`, { method: 'POST' })).status).toBe(202)
    await running
    const refused = await world.deploy(next)
    expect([refused.status, refused.json.error.code]).toEqual([409, 'STATE_001'])
    expect(refused.json.error.message).toContain('may still take effect')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    const back = await world.call(`/deploy/${before}/rollback`, { json: {} })
    expect([back.status, back.json.error.code]).toEqual([409, 'STATE_001'])
    await removal.release()
    const anew = async () => world.planned({ appName: 'spared', script: hello('next') })
    const started = await until(
      async () => {
        const id = await anew()
        return (await world.deploy(id)).status === 202 && id
      },
      { what: 'it has settled' },
    )
    await drive(world, worker, started)
    expect((await world.get('spared-staging')).text).toBe('next')
  })
})

test('a call in flight at a cancel is waited for and undone by the rollback', async () => {
  await deployed('outlasted', 'before')
  const unchecked = { healthCheck: { enabled: false } }
  const id = await world.started({ appName: 'outlasted', script: hello('after'), ...unchecked })
  await drive(world, worker, id, 'deploy_worker')
  const job = await openJob(world.ctx, id)
  world.proxy.reset()
  const path = /outlasted-staging\/deployments$/
  // Then the rollback finds the old version in force, and has nothing to do at first.
  const change = hold('POST', path)
  const running = worker.runner.run(deliveryOf(job.id, job.queue))
  await change.reached
  expect((await world.call(`/deploy/${id}/cancel`, { method: 'POST' })).status).toBe(202)
  await running
  const rollback = drive(world, worker, id)
  const done = { deployment_id: id, step: 'deploy_worker', status: 'completed' }
  await until(async () => world.ctx.db('deployment_compensations').where(done).first(), {
    what: 'it is undone',
  })
  expect((await world.status(id)).status).toBe('rolling_back')
  await change.release()
  expect((await world.get('outlasted-staging')).text).toBe('after')
  await rollback
  expect((await world.status(id)).status).toBe('rolled_back')
  expect((await world.get('outlasted-staging')).text).toBe('before')
  expect(await world.messages(id)).toContain('Re-checking all steps')
})

test('an answered upload without a following call is undone', async () => {
  const id = await world.started({ appName: 'answered', script: hello('never') }, { maxRetries: 0 })
  await drive(world, worker, id, 'deploy_worker')
  let uploaded = false
  world.proxy.decide((call) => {
    if (call.method === 'PUT') uploaded = true
    const refused = uploaded && call.method === 'GET' && call.path.endsWith('/versions')
    if (!refused) return undefined
    world.proxy.decide(() => undefined)
    return refusal(403, 10000, 'Authentication error')
  })
  await drive(world, worker, id)
  expect(await world.status(id)).toMatchObject({ status: 'rolled_back', error: { code: 'AUTH_004' } })
  expect((await world.get('answered-staging')).status).toBe(404)
})

test('a plan without a class that was added since is refused before any change', async () => {
  await deployed('stale', 'before')
  const stale = await world.planned({ appName: 'stale', script: hello('stale') })
  const room = `import { DurableObject } from 'cloudflare:workers'
    export class Room extends DurableObject {}
    ${hello('room')}`
  const newer = await world.started({ appName: 'stale', script: room, durableObjects: ['Room'] })
  await drive(world, worker, newer)
  expect((await world.status(newer)).status).toBe('completed')
  world.proxy.reset()
  const refused = await world.deploy(stale)
  expect([refused.status, refused.json.error.code]).toEqual([409, 'STATE_001'])
  expect(refused.json.error.message).toContain('Durable Object classes were changed by a migration')
  expect(world.proxy.calls.filter((call) => call.method !== 'GET')).toEqual([])
  expect((await world.get('stale-staging')).text).toBe('room')
})

describe('a rollback', () => {
  test('that failed after its last call is not reverted by the check for late arrivals', async () => {
    await deployed('outage', 'before')
    const id = await world.started({ appName: 'outage', script: broken, ...impatient })
    await drive(world, worker, id, 'rollback')
    let lost = false
    world.proxy.decide((call) => {
      if (lost) return refusal(403, 10034, 'not now')
      lost = call.method === 'POST' && call.path.endsWith('/deployments')
      return lost ? { kind: 'lose' } : undefined
    })
    await drive(world, worker, id)
    world.proxy.reset()
    expect((await world.status(id)).status).toBe('rollback_failed')
    expect((await world.get('outage-staging')).text).toBe('before')
    const job = await watch(id)
    await worker.runner.run(deliveryOf(job.id, job.queue))
    expect((await world.get('outage-staging')).text).toBe('before')
  })

  test('restores the previous traffic shares', async () => {
    const versions = [await deployed('shared', 'one'), await deployed('shared', 'two')]
    const share = async (id: string, percentage: number) => ({
      version_id: (await world.status(id)).metadata.version,
      percentage,
    })
    const before = await Promise.all(versions.map((id, index) => share(id, index === 0 ? 30 : 70)))
    await world.script('POST', 'shared-staging/deployments', { strategy: 'percentage', versions: before })
    const serving = async () =>
      (await world.script('GET', 'shared-staging/deployments')).result.deployments[0].versions
    const sorted = (list: { version_id: string }[]) =>
      list.toSorted((a, b) => a.version_id.localeCompare(b.version_id))

    const failing = await world.started({ appName: 'shared', script: broken, ...impatient })
    await drive(world, worker, failing)
    expect((await world.status(failing)).status).toBe('rolled_back')
    expect(sorted(await serving())).toEqual(sorted(before))
    expect(await world.versions('shared')).toMatchObject([
      { deploymentId: failing, state: 'quarantined', percentage: null },
      { deploymentId: versions[1], state: 'serving', percentage: 70 },
      { deploymentId: versions[0], state: 'serving', percentage: 30 },
    ])

    const good = await deployed('shared', 'three')
    expect((await world.status(good)).rollbackInfo).toEqual({ available: true, previousVersion: null })
    const answer = await world.call(`/deploy/${good}/rollback`, { json: {} })
    expect([answer.status, answer.json.data.targetVersion]).toEqual([202, null])
    await drive(world, worker, good)
    expect((await world.status(good)).status).toBe('rolled_back')
    expect(sorted(await serving())).toEqual(sorted(before))
    const named = { targetVersion: before[1]?.version_id }
    expect((await world.call(`/deploy/${good}/rollback`, { json: named })).status).toBe(202)
    await drive(world, worker, good)
    expect((await world.get('shared-staging')).text).toBe('two')
  })

  test('that leaves versions of other tools unchanged does not report success', async () => {
    const id = await world.started({ appName: 'touched', script: broken, ...impatient })
    await drive(world, worker, id, 'health_check')
    const secret = { name: 'KEY', text: 'of-others', type: 'secret_text' }
    await world.script('PUT', 'touched-staging/secrets', secret)
    await drive(world, worker, id)
    const { status, error } = await world.status(id)
    expect([status, error.code]).toEqual(['rollback_failed', 'DEPLOY_007'])
    expect(error.message).toContain('versions that were made outside')
    expect((await world.get('touched-staging')).status).toBe(500)
  })

  test('of a running deployment restores the last good version, not a failed one', async () => {
    const good = await deployed('skipped', 'good')
    const left = { rollbackOnFailure: false }
    const failed = await world.started({ appName: 'skipped', script: broken, ...impatient }, left)
    await drive(world, worker, failed)
    expect((await world.status(failed)).status).toBe('failed')
    const id = await world.started({ appName: 'skipped', script: hello('running') })
    await drive(world, worker, id, 'health_check')
    const answer = await world.call(`/deploy/${id}/rollback`, { json: {} })
    expect(answer.json.data.targetVersion).toBe((await world.status(good)).metadata.version)
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('rolled_back')
    expect((await world.get('skipped-staging')).text).toBe('good')
  })
})
