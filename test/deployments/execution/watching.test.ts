import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Answer } from '../../helpers/api.ts'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { drive, expectGapFree, openJob, startWorld, type World } from '../harness.ts'

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
afterAll(() => world.stop())

const run = async (appName: string): Promise<string> => {
  const id = await world.started({ appName })
  await drive(world, worker, id)
  return id
}

test('the status of a running deployment has the step, its logs and the estimated end', async () => {
  const fresh = await world.started({ appName: 'fresh' })
  // Nothing has run through yet: there is nothing to estimate from.
  expect((await world.status(fresh)).metadata.estimatedCompletion).toBeNull()
  await drive(world, worker, fresh)
  const id = await world.started({ appName: 'now' })
  await drive(world, worker, id, 'deploy_worker')
  world.proxy.fault({ method: 'PUT', path: /scripts\/now-staging$/, fault: { kind: 'drop' } })
  const early = await world.status(id)
  expect(early.progress).toEqual({ current: 4, total: 8, percentage: 50 })
  expect(early.currentStep).toBeNull()
  const eta = new Date(early.metadata.estimatedCompletion).getTime()
  expect(eta).toBeGreaterThan(Date.now() - 1000)
  expect(eta).toBeLessThan(Date.now() + 60_000)

  const job = await openJob(world.ctx, id)
  await worker.runner.run(deliveryOf(job.id, job.queue))
  const now = await world.status(id)
  expect(now.currentStep).toMatchObject({
    name: 'Deploying Worker and Durable Objects',
    step: 'deploy_worker',
    status: 'running',
    attempt: 1,
  })
  expect(now.currentStep.logs.join('\n')).toMatch(/did not answer.*retrying \(attempt 1 of 4\)/)
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
  const step = await world.ctx
    .db('deployment_steps')
    .where({ deployment_id: id, step: 'deploy_worker' })
    .first()
  expect(step.attempt).toBe(2)
})

describe('logs', () => {
  test('are equal as events and as JSON pages, without gaps, replayed after the end, resumed by id', async () => {
    const id = await world.started({ appName: 'logs' })
    const live = world.call(`/deploy/${id}/logs`)
    await drive(world, worker, id)
    const text = (await live).text
    const whole = await world.logs(id)
    expectGapFree(whole)
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))
    expect(ids).toEqual(whole.map((line) => line.id))
    expect(whole.at(-1)).toMatchObject({ type: 'end', deploymentId: id, status: 'completed' })
    expect(whole.filter((line) => line.type === 'step')).toHaveLength(16)
    const lines = whole.filter((line) => line.type === 'log')
    expect(lines[0]).toMatchObject({ level: 'info', message: 'Starting deployment of logs to staging' })
    for (const { timestamp, message } of lines) {
      expect(new Date(timestamp).toISOString()).toBe(timestamp)
      expect(text).toContain(JSON.stringify(message))
    }

    const json = { headers: { accept: 'application/json' } }
    const paged: number[] = []
    for (let after: number | null = 0; after !== null; ) {
      const page: Answer['json'] = (await world.call(`/deploy/${id}/logs?after=${after}&limit=7`, json)).json
        .data
      paged.push(...page.logs.map((line: { id: number }) => line.id))
      after = page.nextAfter
    }
    expect(paged).toEqual(ids)

    const resumed = await world.call(`/deploy/${id}/logs`, { headers: { 'last-event-id': '3' } })
    expect([...resumed.text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))).toEqual(ids.slice(3))
    const queried = await world.call(`/deploy/${id}/logs?after=3`)
    expect(queried.text).toBe(resumed.text)
    const none = await world.call(`/deploy/${id}/logs`, { headers: { 'last-event-id': String(ids.length) } })
    expect(none.status).toBe(204)
  })

  test('and the status of an unknown deployment are 404', async () => {
    const id = '00000000-0000-4000-8000-000000000000'
    for (const path of [`/deploy/${id}/logs`, `/deploy/${id}/status`]) {
      const answer = await world.call(path)
      expect(answer.status).toBe(404)
      expect(answer.json.error.code).toBe('SYS_005')
    }
    expect((await world.call('/deploy/not-an-id/status')).status).toBe(400)
  })
})

test('lists contain deployments newest first, by page and filter, and the newest of each app', async () => {
  for (const app of ['list-a', 'list-b']) await run(app)
  const all = (await world.call('/deploy?limit=200')).json.data
  expect(all.nextCursor).toBeNull()
  const ids = all.deployments.map((each: { deploymentId: string }) => each.deploymentId)
  const paged: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Answer['json'] = (await world.call(`/deploy?limit=2${cursor && `&cursor=${cursor}`}`)).json
      .data
    paged.push(...page.deployments.map((each: { deploymentId: string }) => each.deploymentId))
    cursor = page.nextCursor
  }
  expect(paged).toEqual(ids)
  const filtered = (await world.call('/deploy?app=list-a&environment=staging&status=completed')).json.data
  expect(filtered.deployments.map((each: { appName: string }) => each.appName)).toEqual(['list-a'])
  const apps = (await world.call('/deploy/apps')).json.data.apps
  expect(
    new Set(
      apps.map((each: { appName: string; environment: string }) => `${each.appName} ${each.environment}`),
    ).size,
  ).toBe(apps.length)
  expect((await world.call('/deploy?status=nonsense')).status).toBe(400)
  expect((await world.call('/deploy?cursor=nonsense')).status).toBe(400)
})

test('the health check works without Cloudflare credentials and counts running deployments', async () => {
  world.proxy.reset()
  const answer = await world.call('/health/deployment')
  expect(answer.status).toBe(200)
  expect(answer.json.data).toMatchObject({
    healthy: true,
    services: {
      cloudflare: { status: expect.stringMatching(/healthy|degraded/) },
      github: { status: 'not_configured' },
    },
    activeDeployments: 0,
    queuedDeployments: 0,
  })
  expect(world.proxy.calls.map((call) => call.path)).toEqual(['/ips'])
  await world.call('/health/deployment')
  expect(world.proxy.calls).toHaveLength(1)
})
