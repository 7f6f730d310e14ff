import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hello, startWorld, type World } from '../harness.ts'

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
  world = await startWorld({ workerd: true })
})
afterAll(() => world.stop())

describe('a deployment', () => {
  test('completes its eight steps, answers at its address, and has its versions listed', async () => {
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
    expect((await world.call('/deploy/apps/chat/production/versions')).status).toBe(404)
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

  test('provides variables, secrets and Durable Objects, whose data the next version keeps', async () => {
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
