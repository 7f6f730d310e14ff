import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { containers } from '../containers/container-world.ts'
import { drive, hello, type Runner, startWorld, type World } from '../harness.ts'
import { type DockerRegistry, missing, startDockerRegistry } from '../images/registry/docker-registry.ts'
import { inspect, pullAll, pushed } from '../images/registry/images.ts'
import { startRegistryProxy } from '../images/registry/registry-proxy.ts'
import { enumerate, expectEnded, expectWhole } from './crash.ts'
import { type Mortals, startMortals } from './mortals.ts'

// Real processes start and die here, many of them.
vi.setConfig({ testTimeout: 900_000 })

const code = (text: string) => `
  import { DurableObject } from 'cloudflare:workers'
  export class Engine extends DurableObject {}
  ${hello(text)}`

describe.skipIf(missing !== undefined)('a crash', () => {
  let team: DockerRegistry
  let own: DockerRegistry
  let way: Awaited<ReturnType<typeof startRegistryProxy>>
  let ownWay: Awaited<ReturnType<typeof startRegistryProxy>>
  let world: World
  let mortals: Mortals
  let heir: Runner
  const image = (tag: string) => `${way.host}/app:${tag}`
  beforeAll(async () => {
    ;[team, own] = await Promise.all([startDockerRegistry(), startDockerRegistry()])
    way = await startRegistryProxy(team.port)
    ownWay = await startRegistryProxy(own.port)
    for (const tag of ['one', 'two']) await pushed([{ layers: [50] }], `${team.host}/app:${tag}`)
    world = await startWorld({ images: { host: ownWay.host } })
    heir = await world.worker()
    mortals = startMortals(world)
  })
  afterAll(async () => {
    await mortals?.stop()
    await world?.stop()
    await Promise.all([way?.stop(), ownWay?.stop()])
    await Promise.all([team?.stop(), own?.stop()])
  })

  let made = 0
  const config = (appName: string, tag: string, text = appName) => ({
    ...{ appName, script: code(text), durableObjects: ['Engine'], containerImage: image(tag) },
    // The second image goes with the second size.
    container: tag === 'one' ? { maxInstances: 1 } : { maxInstances: 2, instanceType: 'basic' },
  })
  // biome-ignore lint/suspicious/noExplicitAny: answers are held to the contract; their fields are asserted one by one
  const application = async (name: string): Promise<any> =>
    (await world.callCloud('GET', `${containers}/applications?name=${name}`)).result[0]
  const rollouts = async (id: string) =>
    (await world.callCloud('GET', `${containers}/applications/${id}/rollouts`)).result

  test('anywhere in the upload of an image is recovered by the next worker', async () => {
    const { digest } = await inspect(`${team.host}/app:one`)
    const points = await enumerate(
      world,
      { lanes: [{ mortals, ways: [world.proxy, way, ownWay] }], heir },
      {
        title: 'the upload of an image',
        jobs: ['upload_container'],
        until: 'deploy_worker',
        begin: () => world.started(config(`upload-${++made}`, 'one'), { maxRetries: 0 }),
        async check(id) {
          const { image: place } = await world.ctx.db('deployments').where({ id }).first('image')
          expect((await inspect(place.replace(ownWay.host, own.host))).digest).toBe(digest)
          await pullAll(place.replace(ownWay.host, own.host))
        },
      },
    )
    expect(points).toBeGreaterThanOrEqual(3 * 17)
  })

  test('anywhere in the rollout of a first image is recovered by the next worker', async () => {
    await enumerate(
      world,
      { lanes: [{ mortals, ways: [world.proxy] }], heir },
      {
        title: 'a first rollout',
        jobs: ['rollout_container'],
        begin: () => world.started(config(`first-${++made}`, 'one'), { maxRetries: 0 }),
        async check(id) {
          const { appName } = (await world.status(id)).metadata
          await expectWhole(world, `${appName}-staging`, { id, text: appName })
          const { image: place } = await world.ctx.db('deployments').where({ id }).first('image')
          expect((await application(`${appName}-staging`)).configuration.image).toBe(place)
        },
      },
    )
  })

  test('anywhere in a later rollout, or in its rollback, is recovered by the next worker', async () => {
    await drive(world, heir, await world.started(config('again', 'one', 'good')))
    const before = await application('again-staging')
    const points = await enumerate(
      world,
      { lanes: [{ mortals, ways: [world.proxy] }], heir },
      {
        title: 'a further deployment that is not healthy',
        jobs: ['rollout_container', 'rollback'],
        begin: () => {
          const sick = { healthCheck: { path: '/', expectStatus: 299, timeoutSeconds: 1 } }
          return world.started(
            { ...config('again', 'two', `bad ${++made}`), ...sick },
            { maxRetries: 0, force: true },
          )
        },
        async check(id) {
          await expectEnded(world, id, 'rolled_back')
          const { configuration, max_instances } = await application('again-staging')
          expect({ configuration, max_instances }).toEqual({
            configuration: before.configuration,
            max_instances: before.max_instances,
          })
          expect((await world.get('again-staging')).text).toBe('good')
          // One there and one back: none was begun twice.
          const own = (await rollouts(before.id)).filter((each: { description: string }) =>
            each.description.includes(id),
          )
          expect(own.map((each: { description: string }) => each.description)).toHaveLength(2)
        },
      },
    )
    expect(points).toBeGreaterThanOrEqual(3 * 16)
  })
})
