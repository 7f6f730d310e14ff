import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { refusal } from '../cloudflare/fault-proxy.ts'
import { drive, expectGapFree, hello, openJob, startWorld, type World } from '../harness.ts'

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

const post = (id: string, verb: string, json?: object) =>
  world.call(`/deploy/${id}/${verb}`, json === undefined ? { method: 'POST' } : { json })
const unknown = '00000000-0000-4000-8000-000000000000'

describe('retry', () => {
  test('runs the failed step with new attempts, and the steps after it, but no finished ones', async () => {
    const id = await world.started({ appName: 'retried' }, { maxRetries: 1, rollbackOnFailure: false })
    const busy = refusal(503, 10013, 'busy')
    world.proxy.fault({ method: 'POST', path: /-staging\/subdomain$/, times: 2, fault: busy })
    await drive(world, worker, id)
    const failed = await world.status(id)
    expect([failed.status, failed.currentStep.step, failed.currentStep.attempt]).toEqual([
      'failed',
      'configure_dns',
      2,
    ])
    for (const [stepName, status] of [
      ['health_check', 409],
      ['deploy_worker', 409],
      ['nonsense', 400],
    ] as const) {
      expect((await post(id, 'retry', { stepName })).status).toBe(status)
    }
    world.proxy.reset()
    world.proxy.fault({ method: 'POST', path: /-staging\/subdomain$/, times: 2, fault: busy })
    const answer = await post(id, 'retry', { stepName: 'Configuring DNS', maxRetries: 3 })
    expect(answer.status).toBe(202)
    expect(answer.json.data).toEqual({
      retryId: expect.any(String),
      jobId: answer.json.data.retryId,
      status: 'initiated',
      step: 'configure_dns',
      attempt: 3,
      maxAttempts: 3,
      lastAttempt: 5,
    })
    expect((await post(id, 'retry')).status).toBe(409)
    expect((await world.status(id)).status).toBe('in_progress')
    await drive(world, worker, id)
    expect(await world.status(id)).toMatchObject({
      status: 'completed',
      error: null,
      progress: { current: 8 },
    })
    const row = await world.ctx
      .db('deployment_steps')
      .where({ deployment_id: id, step: 'configure_dns' })
      .first()
    expect(row.attempt).toBe(5)
    expect(world.proxy.made('PUT', /retried-staging$/)).toEqual([])
    expect(await world.messages(id)).toContain('retrying (attempt 3 of 5)')
    const logs = await world.logs(id)
    expectGapFree(logs)
    expect(logs.filter((line) => line.type === 'end').map((line) => line.status)).toEqual([
      'failed',
      'completed',
    ])
  })

  test('is allowed for the newest failed deployment only', async () => {
    const id = await world.started({ appName: 'old-failure', script: 'export default {' })
    await drive(world, worker, id)
    const next = await world.started({ appName: 'old-failure' })
    await drive(world, worker, next)
    const older = await post(id, 'retry')
    expect([older.status, older.json.error.details.deploymentId]).toEqual([409, next])
    expect((await post(next, 'retry')).status).toBe(409)
    expect((await post(unknown, 'retry')).status).toBe(404)
  })
})

describe('cancelling a deployment', () => {
  test('ends it at any waiting step for good', async () => {
    const id = await world.started({ appName: 'ended' })
    const { jobId } = (await post(id, 'cancel')).json.data
    expect((await world.call(`/jobs/${jobId}`)).json.state).toBe('cancelled')
    expect((await world.status(id)).status).toBe('cancelled')
    const again = await post(id, 'cancel')
    expect([again.status, again.json.error.details.status]).toEqual([409, 'cancelled'])
    expect((await post(unknown, 'cancel')).status).toBe(404)
  })

  test('wins over a step that ends at the same moment in another process', async () => {
    const beside = await world.worker('beside')
    const id = await world.started({ appName: 'last-moment', script: hello('never') })
    await drive(world, beside, id, 'health_check')
    let answer: Awaited<ReturnType<typeof post>> | undefined
    const meanwhile = async () => {
      answer ??= await post(id, 'cancel')
    }
    // Its last call before it would be completed.
    world.proxy.fault({
      method: 'GET',
      path: /last-moment-staging\/deployments$/,
      fault: { kind: 'pass', meanwhile },
    })
    await drive(world, beside, id)
    expect(answer?.status).toBe(202)
    expect((await world.status(id)).status).toBe('rolled_back')
    expect((await world.get('last-moment-staging')).status).toBe(404)
  })
})

describe('a dry run', () => {
  test('checks, changes nothing, and leaves the plan deployable', async () => {
    const first = await world.started({ appName: 'dry', script: hello('before') })
    await drive(world, worker, first)
    world.proxy.reset()
    const id = await world.planned({ appName: 'dry', script: hello('after') })
    expect((await world.deploy(id, { dryRun: true })).status).toBe(202)
    expect((await world.deploy(id)).json.error.message).toContain('dry run')
    await drive(world, worker, id)
    const { status, progress, completedSteps, metadata } = await world.status(id)
    expect([status, progress.current, metadata.dryRun]).toEqual(['completed', 8, true])
    expect(completedSteps.filter((each: { skipped?: boolean }) => each.skipped)).toHaveLength(5)
    expect(world.proxy.calls.filter((call) => call.method !== 'GET')).toEqual([])
    expect(await world.versions('dry')).toHaveLength(1)
    expect((await world.deploy(id, { dryRun: true })).json.data.status).toBe('completed')

    expect((await world.deploy(id)).json.data).toMatchObject({
      status: 'initiated',
      jobId: expect.any(String),
    })
    await drive(world, worker, id)
    expect(await world.status(id)).toMatchObject({ status: 'completed', metadata: { dryRun: false } })
    expect((await world.get('dry-staging')).text).toBe('after')
    expectGapFree(await world.logs(id))
  })
})

describe('deleting an app', () => {
  const remove = (app: string, json: object) =>
    world.call(`/deploy/apps/${app}/staging`, { method: 'DELETE', json })

  test('requires its name, lists what is deleted, and holds the app meanwhile', async () => {
    const id = await world.started({ appName: 'doomed' })
    expect((await remove('doomed', { confirm: 'doomed' })).status).toBe(409)
    await drive(world, worker, id)
    for (const confirm of ['', 'other']) {
      const refused = await remove('doomed', { confirm })
      expect([refused.status, refused.json.error.details.fields[0].path]).toEqual([400, 'confirm'])
      expect(refused.json.error.details.fields[0].problem).toContain('data of its Durable Objects')
    }
    expect((await remove('nowhere', { confirm: 'nowhere' })).status).toBe(404)

    const answer = await remove('doomed', { confirm: 'doomed' })
    expect(answer.status).toBe(202)
    expect(answer.json.data.willDelete[1]).toContain('all data')
    const { jobId } = answer.json.data
    expect((await remove('doomed', { confirm: 'doomed' })).status).toBe(409)
    const next = await world.planned({ appName: 'doomed' })
    expect((await world.deploy(next)).status).toBe(409)
    expect((await post(id, 'rollback')).status).toBe(409)

    await worker.runner.run({ data: { job: jobId }, queueName: 'rollback', opts: {}, timestamp: 0 } as never)
    expect((await world.call(`/jobs/${jobId}`)).json.state).toBe('completed')
    expect((await world.get('doomed-staging')).status).toBe(404)
    expect((await world.call('/deploy/apps/doomed/staging/versions')).status).toBe(404)
    const apps = (await world.call('/deploy/apps')).json.data.apps
    expect(apps.map((each: { appName: string }) => each.appName)).not.toContain('doomed')
    expect((await post(id, 'rollback')).json.error.message).toContain('was deleted')
    // The plan was made for an app that is gone.
    expect((await world.deploy(next)).json.error.message).toContain('was deleted')
    const anew = await world.started({ appName: 'doomed' })
    await drive(world, worker, anew)
    expect((await world.status(anew)).status).toBe('completed')
  })

  test('releases the app after a cancel', async () => {
    const id = await world.started({ appName: 'spared' })
    await drive(world, worker, id)
    const { jobId } = (await remove('spared', { confirm: 'spared' })).json.data
    await world.call(`/jobs/${jobId}/cancel`, { method: 'POST' })
    expect(await world.ctx.db('target_holds')).toEqual([])
    expect((await world.get('spared-staging')).text).toBe('hello')
  })
})

test('a user without the permission for an environment can do none of this there', async () => {
  const scopes = ['deployments:read', 'deployments:write:staging', 'jobs:write']
  const { token } = (await world.call('/api/v1/auth/tokens', { json: { name: 'staging only', scopes } })).json
  const id = await world.planned({ appName: 'guarded' }, 'production')
  await world.deploy(id, {}, 'production')
  for (const verb of ['rollback', 'retry', 'cancel']) {
    const answer = await world.call(`/deploy/${id}/${verb}`, { json: {}, token })
    expect([answer.status, answer.json.error.code]).toEqual([403, 'ACCESS_003'])
  }
  const deletion = { method: 'DELETE', json: { confirm: 'guarded' }, token }
  expect((await world.call('/deploy/apps/guarded/production', deletion)).status).toBe(403)
  expect((await openJob(world.ctx, id)).state).toBe('queued')
})

test('the metrics contain the results of deployments and the available resources', async () => {
  const { data } = (await world.call('/deploy/metrics?hours=1')).json
  const { deployments, errors, resources } = data
  expect(deployments.total).toBeGreaterThan(5)
  expect(deployments.completed + deployments.failed + deployments.rolledBack + deployments.cancelled).toBe(
    deployments.total - 1,
  )
  expect(deployments.p95Seconds).toBeGreaterThanOrEqual(deployments.medianSeconds)
  expect(deployments.steps.map((each: { step: string }) => each.step)).toContain('deploy_worker')
  const dns = deployments.steps.find((each: { step: string }) => each.step === 'configure_dns')
  expect(dns).toMatchObject({ retries: 4, medianSeconds: expect.any(Number) })
  expect(errors).toContainEqual({ code: 'DEPLOY_001', count: 1, lastAt: expect.stringMatching(/Z$/) })
  expect(resources).toEqual({
    queueDepth: 1,
    oldestWaitingSeconds: expect.any(Number),
    workers: 0,
    queues: expect.any(Array),
    database: {
      sizeBytes: expect.any(Number),
      connections: expect.any(Number),
      maxConnections: expect.any(Number),
    },
    disk: expect.anything(),
  })
  expect((await world.call('/deploy/metrics?hours=0')).status).toBe(400)
})
