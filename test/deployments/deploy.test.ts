import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drive, expectGapFree, hello, startWorld, type World } from './harness.ts'

const titles = [
  'Validating configuration',
  'Authenticating',
  'Checking quotas',
  'Uploading container',
  'Deploying Worker and Durable Objects',
  'Rolling out container',
  'Configuring DNS',
  'Running health check',
]
const keys = [
  'validate_config',
  'cloudflare_auth',
  'check_quotas',
  'upload_container',
  'deploy_worker',
  'rollout_container',
  'configure_dns',
  'health_check',
]

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

describe('a deployment', () => {
  test('goes through its eight steps, is reachable at its address, and has its versions listed', async () => {
    const { planned, deploy, status, ended, versions, get } = world
    const first = await planned.call(world, { appName: 'chat', script: hello('one') })
    const started = await deploy(first)
    expect(started.status).toBe(202)
    expect(started.json).toMatchObject({
      success: true,
      data: {
        deploymentId: first,
        jobId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        appName: 'chat',
        environment: 'staging',
        status: 'initiated',
        urls: { staging: `http://chat-staging.localhost:${world.proxy.port}`, production: null },
        rollbackInfo: { available: false, previousVersion: null },
      },
      metadata: { version: expect.any(String), correlationId: started.headers.get('x-request-id') },
    })
    expect(started.json.data.steps).toEqual(
      keys.map((step, index) => ({
        ...{ name: titles[index], step, status: 'pending', attempt: 0 },
        ...{ startTime: null, endTime: null, error: null },
      })),
    )
    expect(await status(first)).toMatchObject({
      status: 'initiated',
      progress: { current: 0, total: 8, percentage: 0 },
      currentStep: null,
      completedSteps: [],
      // Nothing was ever deployed: there is nothing to estimate from.
      metadata: { estimatedCompletion: null, endTime: null, environment: 'staging' },
    })

    await world.work()
    const done = await ended(first)
    expect(done).toMatchObject({
      status: 'completed',
      progress: { current: 8, total: 8, percentage: 100 },
      currentStep: null,
      error: null,
      metadata: { estimatedCompletion: null, endTime: expect.stringMatching(/Z$/) },
    })
    expect(done.completedSteps.map((step: { step: string }) => step.step)).toEqual(keys)
    expect(done.completedSteps.map((step: { name: string }) => step.name)).toEqual(titles)
    const skipped = done.completedSteps.filter((step: { skipped?: boolean }) => step.skipped)
    expect(skipped.map((step: { step: string }) => step.step)).toEqual([
      'upload_container',
      'rollout_container',
    ])
    for (const step of done.completedSteps) expect(step.duration).toBeGreaterThanOrEqual(0)
    expect(await get('chat-staging')).toEqual({ status: 200, text: 'one' })

    const second = await world.started({ appName: 'chat', script: hello('two') })
    const ending = await ended(second)
    expect(ending.status).toBe('completed')
    expect((await get('chat-staging')).text).toBe('two')
    const again = await deploy(second)
    expect(again.json.data.rollbackInfo).toEqual({ available: true, previousVersion: done.metadata.version })
    expect((await versions('chat')).map((each) => [each.deploymentId, each.id, each.state])).toEqual([
      [second, ending.metadata.version, 'serving'],
      [first, done.metadata.version, 'previous'],
    ])
    expect(await versions('chat', 'production')).toEqual([])
  })

  test('is independent of the same app in the other environment', async () => {
    const staging = await world.started({ appName: 'twin', script: hello('staging') })
    const production = await world.started({ appName: 'twin', script: hello('production') }, {}, 'production')
    const ends = await Promise.all([world.ended(staging), world.ended(production)])
    expect(ends.map((each) => each.status)).toEqual(['completed', 'completed'])
    expect(await world.get('twin-staging')).toEqual({ status: 200, text: 'staging' })
    expect(await world.get('twin')).toEqual({ status: 200, text: 'production' })
    expect(ends[0].urls).toEqual({
      staging: `http://twin-staging.localhost:${world.proxy.port}`,
      production: `http://twin.localhost:${world.proxy.port}`,
    })
  })

  test('gives variables, secrets and Durable Objects to the app, whose data outlives the next version', async () => {
    const script = (label: string) => `
      import { DurableObject } from 'cloudflare:workers'
      export class ChatRoom extends DurableObject {
        async next() {
          const count = ((await this.ctx.storage.get('count')) ?? 0) + 1
          await this.ctx.storage.put('count', count)
          return count
        }
      }
      export default {
        async fetch(request, env) {
          if (new URL(request.url).pathname === '/health') return new Response(null, { status: 204 })
          const count = await env.CHAT_ROOM.get(env.CHAT_ROOM.idFromName('one')).next()
          return new Response(['${label}', env.GREETING, env.PASSWORD, count].join(' '))
        },
      }`
    const config = (label: string) => ({
      appName: 'rooms',
      script: script(label),
      durableObjects: ['ChatRoom'],
      environmentVars: { GREETING: 'hi' },
      secrets: { PASSWORD: 'sesame' },
      healthCheck: { path: '/health', expectStatus: 204 },
    })
    for (const [label, count] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      const id = await world.started(config(label))
      expect((await world.ended(id)).status).toBe('completed')
      expect((await world.get('rooms-staging')).text).toBe(`${label} hi sesame ${count}`)
      expect(await world.messages(id)).not.toContain('sesame')
      expect(JSON.stringify(await world.status(id))).not.toContain('sesame')
    }
  })
})

describe('logs', () => {
  test('are the same as events and as JSON pages, gap-free, replayed after the end, resumed by id', async () => {
    const id = await world.started({ appName: 'logs' })
    const live = world.call(`/deploy/${id}/logs`)
    await world.ended(id)
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
      const page = (await world.call(`/deploy/${id}/logs?after=${after}&limit=7`, json)).json.data
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

  test('of an unknown deployment are 404, and so is its status', async () => {
    const id = '00000000-0000-4000-8000-000000000000'
    for (const path of [`/deploy/${id}/logs`, `/deploy/${id}/status`]) {
      const answer = await world.call(path)
      expect(answer.status).toBe(404)
      expect(answer.json.error.code).toBe('SYS_005')
    }
    expect((await world.call('/deploy/not-an-id/status')).status).toBe(400)
  })
})

describe('while a deployment runs', () => {
  test('its status names the step, its logs and when it may be done', async () => {
    const calm = await startWorld()
    try {
      const worker = await calm.worker()
      await drive(calm, worker, await calm.started({ appName: 'before' }))
      const id = await calm.started({ appName: 'now' })
      await drive(calm, worker, id, 'deploy_worker')
      calm.proxy.fault({ method: 'PUT', path: /scripts\/now-staging$/, fault: { kind: 'drop' } })
      const early = await calm.status(id)
      expect(early.progress).toEqual({ current: 4, total: 8, percentage: 50 })
      expect(early.currentStep).toBeNull()
      const eta = new Date(early.metadata.estimatedCompletion).getTime()
      expect(eta).toBeGreaterThan(Date.now() - 1000)
      expect(eta).toBeLessThan(Date.now() + 60_000)

      const job = await calm.ctx
        .db('jobs')
        .where({ subject: `deployment:${id}` })
        .whereNull('finished_at')
        .first()
      await worker.runner.run({ data: { job: job.id }, queueName: job.queue, opts: {} } as never)
      const now = await calm.status(id)
      expect(now.currentStep).toMatchObject({
        name: titles[4],
        step: 'deploy_worker',
        status: 'running',
        attempt: 1,
      })
      expect(now.currentStep.logs.join('\n')).toMatch(/did not answer.*trying again \(attempt 1 of 4\)/)
      await drive(calm, worker, id)
      const then = await calm.status(id)
      expect(then.status).toBe('completed')
      const steps = await calm.ctx.db('deployment_steps').where({ deployment_id: id, step: 'deploy_worker' })
      expect(steps[0].attempt).toBe(2)
    } finally {
      await calm.stop()
    }
  })
})

test('lists show deployments newest first, by page and filter, and the newest of each app', async () => {
  for (const app of ['list-a', 'list-b']) await world.ended(await world.started({ appName: app }))
  const all = (await world.call('/deploy?limit=200')).json.data
  expect(all.nextCursor).toBeNull()
  const ids = all.deployments.map((each: { deploymentId: string }) => each.deploymentId)
  const paged: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = (await world.call(`/deploy?limit=2${cursor && `&cursor=${cursor}`}`)).json.data
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

test('health needs no credential of the cloud, and counts what runs', async () => {
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
