import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { drive, hello } from '../harness.ts'
import { missing } from '../images/registry/docker-registry.ts'
import { inspect, pullAll } from '../images/registry/images.ts'
import { containers, pullSecret, startContainerWorld } from './container-world.ts'

type World = Awaited<ReturnType<typeof startContainerWorld>>

/** A Worker with a class beside, as an app with code and a container has it. */
const code = (label: string) => `
  import { DurableObject } from 'cloudflare:workers'
  export class Engine extends DurableObject {}
  ${hello(label)}`

describe.skipIf(missing !== undefined)('an app with a container', { timeout: 90_000 }, () => {
  let world: World
  let worker: Awaited<ReturnType<World['worker']>>
  beforeAll(async () => {
    world = await startContainerWorld()
    worker = await world.worker()
  })
  afterAll(() => world?.stop())
  beforeEach(() => {
    world.way.reset()
    world.cloudWay.reset()
  })

  /** A configuration of an app that is only a container. */
  const only = (appName: string, containerImage: string, container: object = {}) => ({
    ...{ appName, containerImage, script: undefined, container: { pullSecret, ...container } },
  })
  const withCode = (appName: string, containerImage: string, more: object = {}) => ({
    ...{ appName, containerImage, script: code(appName), durableObjects: ['Engine'] },
    ...{ container: { pullSecret }, ...more },
  })
  const deployed = async (config: { appName: string }, options: object = {}) => {
    const id = await world.started(config, options)
    await drive(world, worker, id)
    return id
  }
  const applicationOf = async (name: string) =>
    (await world.applications()).find((each) => each.name === name)

  test('is copied from a private registry to the cloud’s own, and its front answers', async () => {
    const image = await world.image('shop/api:1')
    const prepared = await world.prepare(only('shop', image, { port: 3000, maxInstances: 2 }))
    expect(prepared.json.data.plan.changes).toContainEqual({
      ...{ kind: 'container', name: 'shop-staging', action: 'create' },
    })
    expect(prepared.text).not.toContain(pullSecret.password)
    const id = prepared.json.data.deploymentId
    await world.deploy(id)
    const sealed = await world.ctx.db('plans').where({ id }).first('pull_secret')
    expect(sealed.pull_secret).toMatch(/^v1\./)
    await drive(world, worker, id)

    const status = await world.status(id)
    expect(status.status, await world.messages(id)).toBe('completed')
    expect(status.completedSteps.filter((step: { skipped?: boolean }) => step.skipped)).toEqual([])
    const before = await inspect(world.seenBySkopeo.team('shop/api:1'), { creds: world.seenBySkopeo.creds })
    const after = await inspect(world.ownImage('shop-staging', `:dep-${id}`))
    expect(after).toEqual(before)
    await pullAll(world.ownImage('shop-staging', `@${before.digest}`))
    expect(await applicationOf('shop-staging')).toMatchObject({
      max_instances: 2,
      configuration: {
        image: expect.stringMatching(new RegExp(`/shop-staging@${before.digest}$`)),
        instance_type: 'lite',
      },
    })
    const front = await world.get('shop-staging')
    expect(front).toMatchObject({ status: 503, text: expect.stringContaining('no container engine') })
    expect(await world.messages(id)).toMatch(/local cloud runs no containers/)
  })

  test('has its pull secret in no log, job or response, and nowhere after the deployment', async () => {
    const id = await deployed(only('discreet', await world.image('discreet:1')))
    const { db } = world.ctx
    for (const table of ['plans', 'deployments', 'deployment_steps', 'jobs', 'events']) {
      const { rows } = await db.raw(`select count(*)::int as found from ${table} t where t::text like ?`, [
        `%${pullSecret.password}%`,
      ])
      expect([table, rows[0].found]).toEqual([table, 0])
    }
    expect((await db('plans').where({ id }).first('pull_secret')).pull_secret).toBeNull()
  })

  test('is deployed with the image of the tag at the time of the plan', async () => {
    const image = await world.image('moving:1')
    const { digest } = await inspect(world.seenBySkopeo.team('moving:1'), { creds: world.seenBySkopeo.creds })
    const id = await world.started(only('moving', image))
    await world.image('moving:1')
    await drive(world, worker, id)
    expect((await applicationOf('moving-staging')).configuration.image).toContain(digest)
  })

  test('gets a new image by a rollout and the old one by a rollback', async () => {
    const first = await deployed(withCode('roller', await world.image('roller:1')))
    const state = async () => {
      const { id, name, max_instances, configuration, durable_objects } =
        await applicationOf('roller-staging')
      return {
        id,
        name,
        max_instances,
        configuration,
        durable_objects,
        text: (await world.get('roller-staging')).text,
      }
    }
    const before = await state()
    const next = withCode('roller', await world.image('roller:2'), {
      script: code('second'),
      container: { pullSecret, maxInstances: 3, instanceType: 'basic' },
    })
    const second = await deployed(next)
    expect((await world.status(second)).status, await world.messages(second)).toBe('completed')
    expect(await state()).toMatchObject({
      max_instances: 3,
      text: 'second',
      configuration: { instance_type: 'basic' },
    })
    expect((await state()).configuration.image).not.toBe(before.configuration.image)

    await world.call(`/deploy/${second}/rollback`, { json: {} })
    await drive(world, worker, second)
    expect((await world.status(second)).status, await world.messages(second)).toBe('rolled_back')
    expect(await state()).toEqual(before)
    expect((await world.versions('roller'))[1]).toMatchObject({ deploymentId: first, state: 'serving' })
  })

  test('that is unhealthy loses its new application, or gets its previous image back', async () => {
    const image = await world.image('sick:1')
    const sick = { healthCheck: { path: '/', expectStatus: 299, timeoutSeconds: 1 } }
    const first = await deployed(withCode('sick', image, sick))
    expect((await world.status(first)).status).toBe('rolled_back')
    expect(await applicationOf('sick-staging')).toBeUndefined()

    await deployed(withCode('sick', image, { script: code('well') }))
    const before = await applicationOf('sick-staging')
    const third = await deployed(withCode('sick', await world.image('sick:2'), sick))
    expect((await world.status(third)).status, await world.messages(third)).toBe('rolled_back')
    expect((await applicationOf('sick-staging')).configuration).toEqual(before.configuration)
    expect((await world.get('sick-staging')).text).toBe('well')
  })

  test('is deleted with its application', async () => {
    await deployed(withCode('gone', await world.image('gone:1')))
    expect(await applicationOf('gone-staging')).toBeDefined()
    const answer = await world.call('/deploy/apps/gone/staging', {
      method: 'DELETE',
      json: { confirm: 'gone' },
    })
    expect(answer.status, answer.text).toBe(202)
    const job = await world.ctx.db('jobs').where({ name: 'delete-app' }).whereNull('finished_at').first()
    const { deliveryOf } = await import('../../platform/jobs/job-harness.ts')
    await worker.runner.run(deliveryOf(job.id, job.queue))
    expect(await applicationOf('gone-staging')).toBeUndefined()
  })

  test('loses its container if the container’s class is deleted by name', async () => {
    const config = withCode('loser', await world.image('loser:1'))
    await deployed(config)
    expect(await applicationOf('loser-staging')).toBeDefined()
    const without = {
      ...{ appName: 'loser', script: hello('without'), durableObjects: [] },
      migrations: { deletedClasses: ['Engine'] },
    }
    const prepared = await world.prepare(without)
    expect(prepared.json.data.plan.changes).toEqual(
      expect.arrayContaining([
        { kind: 'durable_object', name: 'Engine', action: 'delete' },
        { kind: 'container', name: 'loser-staging', action: 'delete' },
      ]),
    )
    const id = await deployed(without)
    expect((await world.status(id)).status, await world.messages(id)).toBe('completed')
    expect(await world.messages(id)).toContain(
      'Removed the container application loser-staging with its class',
    )
    expect(await applicationOf('loser-staging')).toBeUndefined()
    expect((await world.get('loser-staging')).text).toBe('without')
    // It can have one again.
    const again = await deployed(config)
    expect((await world.status(again)).status, await world.messages(again)).toBe('completed')
    expect(await applicationOf('loser-staging')).toBeDefined()
  })

  describe('is not prepared', () => {
    const refused = async (config: { appName: string }) => {
      const { status, json } = await world.prepare(config)
      return { status, ...json.error }
    }

    test('with an image that is not available', async () => {
      const unknown = await refused(only('nope', `${world.way.host}/nope:1`))
      expect(unknown).toMatchObject({ status: 424, code: 'STATE_003', retryable: false })
      expect(unknown.details.checks.dependencies).toBe('fail')
      const image = await world.image('nope/private:1')
      const locked = await refused({ ...only('nope', image), container: undefined } as never)
      expect(locked).toMatchObject({ status: 424, suggestedAction: expect.stringContaining('pull secret') })
      const wrong = await refused(
        only('nope', image, { pullSecret: { username: 'x', password: 'wrong-one' } }),
      )
      expect(wrong).toMatchObject({ status: 424, retryable: false })
      expect(JSON.stringify(wrong)).not.toContain('wrong-one')
      world.way.decide(() => ({ kind: 'answer', status: 503, body: '' }))
      expect(await refused(only('nope', image))).toMatchObject({ status: 424, retryable: true })
    })

    test('with an image for another platform', async () => {
      const image = await world.image('arm:1', { platform: { os: 'linux', architecture: 'arm64' } })
      expect(await refused(only('arm', image))).toMatchObject({
        ...{ status: 424, retryable: false, message: expect.stringContaining('linux/amd64') },
      })
    })

    test('beyond the account’s limits', async () => {
      const image = await world.image('large:1')
      const large = await refused(only('large', image, { maxInstances: 400, instanceType: 'standard-4' }))
      expect(large).toMatchObject({ status: 402, code: 'STATE_004' })
      expect(large.details.checks.quotas).toBe('fail')
    })

    test.each([
      ['a reference that is none', { containerImage: 'Not A Reference' }, 'config.containerImage'],
      ['settings without an image', { script: hello('x'), container: { port: 80 } }, 'config.container'],
      [
        'a class that is not there',
        { ...withCode('x', 'redis'), durableObjects: ['Other'], container: { class: 'Engine' } },
        'config.durableObjects',
      ],
      [
        'several classes and none named',
        { ...withCode('x', 'redis'), durableObjects: ['A', 'B'] },
        'config.container.class',
      ],
      [
        'classes without code',
        { containerImage: 'redis', container: { class: 'A' }, durableObjects: ['A', 'B'] },
        'config.durableObjects',
      ],
      ['a port that is none', { containerImage: 'redis', container: { port: 0 } }, 'config.container.port'],
    ])('with %s', async (_, config, path) => {
      const answer = await refused({ script: undefined, ...config, appName: 'faulty' } as never)
      expect([answer.status, answer.code]).toEqual([400, 'REQ_002'])
      expect(answer.details.fields.map((field: { path: string }) => field.path)).toContain(path)
    })

    test('if the plan omits its container', async () => {
      const config = withCode('keeper', await world.image('keeper:1'))
      await deployed(config)
      const answer = await refused({ ...config, containerImage: undefined, container: undefined } as never)
      expect(answer).toMatchObject({ status: 400, code: 'REQ_002' })
      expect(answer.details.fields[0]).toMatchObject({
        ...{ path: 'config.containerImage', problem: expect.stringContaining('class Engine') },
      })
    })

    test('while another Durable Object has its application', async () => {
      await deployed(withCode('taken', await world.image('taken:1')))
      const { result } = await world.callCloud('GET', `${containers}/applications?name=taken-staging`)
      // Somebody deleted the Worker, and not the application.
      await world.script('DELETE', 'taken-staging?force=true')
      const answer = await refused(withCode('taken', await world.image('taken:2')))
      expect(answer).toMatchObject({ status: 409, code: 'STATE_001' })
      await world.callCloud('DELETE', `${containers}/applications/${result[0].id}`)
    })
  })

  describe('with faults', () => {
    test('is copied although its registry drops connections and is busy', async () => {
      const image = await world.image('flaky:1', { layers: [2_000_000] })
      const id = await world.started(only('flaky', image))
      let cuts = 0
      let busy = 0
      world.way.decide(({ method, path, headers }) => {
        if (method !== 'GET' || !path.includes('/blobs/') || headers.authorization === undefined)
          return undefined
        if (busy++ === 0) return { kind: 'answer', status: 429, headers: { 'retry-after': '1' } }
        return cuts++ < 3 ? { kind: 'cut answer', after: 500_000 } : undefined
      })
      await drive(world, worker, id)
      expect((await world.status(id)).status, await world.messages(id)).toBe('completed')
      expect(cuts).toBeGreaterThan(3)
      await pullAll(world.ownImage('flaky-staging', `:dep-${id}`))
    })

    test('leaves the old version serving if the image cannot be pushed', async () => {
      await deployed(withCode('steady', await world.image('steady:1'), { script: code('old') }))
      const before = await applicationOf('steady-staging')
      const id = await world.started(
        withCode('steady', await world.image('steady:2'), { script: code('new') }),
        { maxRetries: 0 },
      )
      world.cloudWay.decide(({ method }) =>
        method === 'POST'
          ? { kind: 'answer', status: 403, body: '{"errors":[{"code":"DENIED","message":"quota"}]}' }
          : undefined,
      )
      await drive(world, worker, id)
      const status = await world.status(id)
      expect(status).toMatchObject({ status: 'failed', error: { code: 'DEPLOY_003' } })
      expect(status.error.message).toMatch(/403 \(DENIED: quota\)/)
      expect(status.progress.current).toBe(3)
      expect((await world.get('steady-staging')).text).toBe('old')
      expect(await applicationOf('steady-staging')).toEqual(before)
    })

    test('fails before any change if the quota was used up meanwhile', async () => {
      const big = { instanceType: 'standard-4', maxInstances: 300, pullSecret }
      const image = await world.image('greedy:1')
      const late = await world.started(withCode('late', image, { container: big }))
      const holder = await deployed(withCode('greedy', image, { container: big }))
      expect((await world.status(holder)).status).toBe('completed')
      await drive(world, worker, late)
      expect(await world.status(late)).toMatchObject({ status: 'failed', error: { code: 'DEPLOY_002' } })
      expect((await world.get('late-staging')).status).toBe(404)
      await world.callCloud(
        'DELETE',
        `${containers}/applications/${(await applicationOf('greedy-staging')).id}`,
      )
    })

    test('is rolled back if the quota was used up at the last moment', async () => {
      const big = { instanceType: 'standard-4', maxInstances: 300, pullSecret }
      const image = await world.image('racer:1')
      const late = await world.started(withCode('racer', image, { container: big }))
      await drive(world, worker, late, 'rollout_container')
      const holder = await deployed(withCode('winner', image, { container: big }))
      expect((await world.status(holder)).status).toBe('completed')
      await drive(world, worker, late)
      const status = await world.status(late)
      expect(status).toMatchObject({ status: 'rolled_back', error: { code: 'DEPLOY_002' } })
      expect(status.error.message).toContain('SURPASSED_TOTAL_LIMITS')
      expect(await applicationOf('racer-staging')).toBeUndefined()
      await world.callCloud(
        'DELETE',
        `${containers}/applications/${(await applicationOf('winner-staging')).id}`,
      )
    })
  })
})

test('without a registry for the local cloud the source image is recorded', {
  timeout: 60_000,
}, async ({ skip }) => {
  skip(missing !== undefined)
  const world = await startContainerWorld({ images: undefined } as never)
  try {
    const worker = await world.worker()
    const id = await world.started({
      ...{ appName: 'recorded', script: undefined, containerImage: await world.image('recorded:1') },
      container: { pullSecret },
    })
    await drive(world, worker, id)
    const status = await world.status(id)
    expect(status.status, await world.messages(id)).toBe('completed')
    const skipped = status.completedSteps.filter((step: { skipped?: boolean }) => step.skipped)
    expect(skipped.map((step: { step: string }) => step.step)).toEqual(['upload_container'])
    expect(await world.messages(id)).toMatch(/has no registry/)
    const [application] = await world.applications()
    expect(application.configuration.image).toMatch(/^127\.0\.0\.1:\d+\/recorded@sha256:/)
  } finally {
    await world.stop()
  }
})
