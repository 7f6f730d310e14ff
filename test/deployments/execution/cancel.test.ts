import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../helpers/until.ts'
import { drive, expectGapFree, hello, openJob, startWorld, type World } from '../harness.ts'

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

async function cancelJob(id: string) {
  const job = await openJob(world.ctx, id)
  return world.call(`/jobs/${job.id}/cancel`, { method: 'POST' })
}

async function expectNextOne(appName: string): Promise<void> {
  const next = await world.started({ appName, script: hello('next') })
  await drive(world, worker, next)
  expect((await world.status(next)).status).toBe('completed')
}

describe('cancelling the job of a step', () => {
  test.each(['validate_config', 'cloudflare_auth', 'deploy_worker'])(
    'that waits before anything was changed (%s) ends the deployment, and frees its app',
    async (step) => {
      const appName = `early-${step.replace('_', '-')}`
      const id = await world.started({ appName })
      await drive(world, worker, id, step)
      const answer = await cancelJob(id)
      expect([answer.status, answer.json.state]).toEqual([202, 'cancelled'])
      expect(answer.json.subject).toBe(`deployment:${id}`)
      // A run of the step that changes the cloud may have begun: in doubt it is rolled back, which finds nothing.
      await drive(world, worker, id)
      const ended = await world.status(id)
      expect(ended.status).toBe(step === 'deploy_worker' ? 'rolled_back' : 'cancelled')
      const logs = await world.logs(id)
      expectGapFree(logs)
      expect(logs.at(-1)).toMatchObject({ type: 'end', status: ended.status })
      expect(world.proxy.calls.filter((call) => call.method !== 'GET')).toEqual([])
      await expectNextOne(appName)
    },
  )

  test('after the new version went live rolls back, and holds the app until the end', async () => {
    await drive(world, worker, await world.started({ appName: 'live', script: hello('before') }))
    const id = await world.started({ appName: 'live', script: hello('after') })
    await drive(world, worker, id, 'configure_dns')
    expect((await world.get('live-staging')).text).toBe('after')
    await cancelJob(id)
    expect((await world.status(id)).status).toBe('rolling_back')
    expect((await world.deploy(await world.planned({ appName: 'live' }))).status).toBe(409)
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('rolled_back')
    expect((await world.get('live-staging')).text).toBe('before')
    await expectNextOne('live')
  })

  test('without rollbackOnFailure changes nothing', async () => {
    const id = await world.started({ appName: 'left' }, { rollbackOnFailure: false })
    await drive(world, worker, id, 'configure_dns')
    await cancelJob(id)
    expect((await world.status(id)).status).toBe('cancelled')
    expect(await openJob(world.ctx, id)).toBeUndefined()
    await expectNextOne('left')
  })

  test("during a run aborts the run's call", async () => {
    const id = await world.started({ appName: 'running' })
    await drive(world, worker, id, 'deploy_worker')
    const held = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const meanwhile = () => {
      reached.resolve()
      return held.promise
    }
    world.proxy.fault({ method: 'PUT', path: /-staging$/, fault: { kind: 'lose', meanwhile } })
    const running = drive(world, worker, id, 'rollback')
    await reached.promise
    const answer = await cancelJob(id)
    expect([answer.status, answer.json.state, answer.json.cancel_requested]).toEqual([202, 'running', true])
    await running
    held.resolve()
    expect((await world.status(id)).status).toBe('rolling_back')
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('rolled_back')
    expect((await world.get('running-staging')).status).toBe(404)
    await expectNextOne('running')
  })

  test('is refused after its end, and so is a retry by hand', async () => {
    const id = await world.started({ appName: 'over' })
    const job = await openJob(world.ctx, id)
    await cancelJob(id)
    const again = await world.call(`/jobs/${job.id}/cancel`, { method: 'POST' })
    expect([again.status, again.json.error.code]).toEqual([409, 'STATE_001'])
    const retry = await world.call(`/jobs/${job.id}/retry`, { method: 'POST' })
    expect([retry.status, retry.json.error.code]).toEqual([409, 'STATE_001'])
    expect(retry.json.error.suggestedAction).toMatch(/prepare and deploy again/)
  })
})

test('cancelling a rollback leaves the status rollback_failed with the reason', async () => {
  const id = await world.started({ appName: 'half' })
  await drive(world, worker, id, 'configure_dns')
  await cancelJob(id)
  await cancelJob(id)
  expect(await world.status(id)).toMatchObject({ status: 'rollback_failed', error: { code: 'DEPLOY_007' } })
  await expectNextOne('half')
})

test('the database refuses every transition that the code does not define', async () => {
  const { statuses, transitions } = await import('../../../src/deployments/model/states.ts')
  const rows = await world.ctx.db('deployment_transitions').select()
  const named = statuses.flatMap((from) => transitions[from].map((to) => `${from} ${to}`))
  expect(rows.map((row) => `${row.from_status} ${row.to_status}`).sort()).toEqual(named.sort())
  const id = await world.started({ appName: 'jump' })
  const jump = world.ctx.db('deployments').where({ id }).update({ status: 'completed' })
  await expect(jump).rejects.toThrow(/cannot go from initiated to completed/)
  await until(async () => (await world.status(id)).status === 'initiated')
})

describe('a user without the permission for an environment', () => {
  test('cannot end its deployments through their jobs', async () => {
    const scopes = ['deployments:read', 'deployments:write:staging', 'jobs:read', 'jobs:write']
    const made = await world.call('/api/v1/auth/tokens', { json: { name: 'staging only', scopes } })
    const planned = await world.planned({ appName: 'guarded' }, 'production')
    await world.deploy(planned, {}, 'production')
    const job = await openJob(world.ctx, planned)
    for (const verb of ['cancel', 'retry']) {
      const answer = await world.call(`/jobs/${job.id}/${verb}`, { method: 'POST', token: made.json.token })
      expect([answer.status, answer.json.error.code]).toEqual([403, 'ACCESS_003'])
      expect(answer.json.error.details.environment).toBe('production')
    }
    expect((await world.status(planned)).status).toBe('initiated')
  })
})
