import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { errorCodes } from '../../../src/platform/error-codes.ts'
import { accountId } from '../../local-cloud/harness.ts'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { type Row, rowsOf } from '../cloudflare/error-rows.ts'
import { refusal } from '../cloudflare/fault-proxy.ts'
import { pullSecret, startContainerWorld } from '../containers/container-world.ts'
import { startFakeGitHub } from '../github/fake-github.ts'
import { drive } from '../harness.ts'
import { missing } from '../images/registry/docker-registry.ts'
import { inspect } from '../images/registry/images.ts'
import type { Mishap, ProxiedCall } from '../images/registry/registry-proxy.ts'

const sha = { one: '1'.repeat(40), two: '2'.repeat(40) }
/** A Worker with a counting class, which says its version, a variable and whether it has its secret. */
const code = (label: string) => `
  import { DurableObject } from 'cloudflare:workers'
  export class Engine extends DurableObject {
    async count() {
      const n = ((await this.ctx.storage.get('n')) ?? 0) + 1
      await this.ctx.storage.put('n', n)
      return n
    }
  }
  export default {
    async fetch(request, env) {
      if (new URL(request.url).pathname === '/count')
        return new Response(String(await env.ENGINE.get(env.ENGINE.idFromName('one')).count()))
      return new Response(['${label}', env.COLOUR, env.KEY].join(' '))
    },
  }`

describe.skipIf(missing !== undefined)('an app with all features', { timeout: 90_000 }, () => {
  let github: Awaited<ReturnType<typeof startFakeGitHub>>
  let world: Awaited<ReturnType<typeof startContainerWorld>>
  let worker: Awaited<ReturnType<(typeof world)['worker']>>
  beforeAll(async () => {
    github = await startFakeGitHub()
    github.state.refs = { 'acme/shop': { one: sha.one, two: sha.two } }
    github.state.installations = [
      { id: 7, owner: 'acme', repos: ['shop'], permissions: { deployments: 'write', statuses: 'write' } },
    ]
    world = await startContainerWorld({
      env: { ...github.env, CLOUDFLARE_ROLLOUT_SECONDS: '8' },
      workerd: true,
    })
    worker = await world.worker()
  })
  afterAll(async () => {
    await world?.stop()
    await github?.stop()
    expect(github?.violations).toEqual([])
  })
  beforeEach(async () => {
    for (const way of [world.way, world.cloudWay, world.proxy]) way.reset()
    await world.ctx.db('cloudflare_budgets').delete()
  })

  const result = async (path: string) => (await world.callCloud('GET', path)).result
  // biome-ignore lint/suspicious/noExplicitAny: answers are held to the contract; their fields are asserted one by one
  const named = (list: any[], field: string, value: string) => list.filter((each) => each[field] === value)

  /** All that the cloud and the registry have of an app, but for what is history: past versions, deployments, rollouts. */
  async function stateOf(script: string) {
    const account = `/accounts/${accountId}`
    const [scripts, deployments, subdomain, namespaces, domains, zones, applications] = await Promise.all([
      result(world.scriptsPath),
      world.script('GET', `${script}/deployments`),
      world.script('GET', `${script}/subdomain`),
      result(`${account}/workers/durable_objects/namespaces`),
      result(`${account}/workers/domains`),
      result('/zones'),
      world.applications(),
    ])
    const [serving] = deployments.result.deployments
    const version = await world.script('GET', `${script}/versions/${serving.versions[0].version_id}`)
    const zoneStates = zones.map(async ({ id }: { id: string }) => ({
      records: await result(`/zones/${id}/dns_records`),
      routes: await result(`/zones/${id}/workers/routes`),
    }))
    const [application] = named(applications, 'name', script)
    const { max_instances, configuration, durable_objects, id } = application
    return {
      tag: named(scripts, 'id', script)[0].migration_tag,
      serving: serving.versions,
      bindings: version.result.resources.bindings,
      subdomain: subdomain.result,
      namespaces: named(namespaces, 'script', script),
      domains,
      zones: await Promise.all(zoneStates),
      application: { max_instances, configuration, durable_objects, id },
      answer: await world.get(script),
      image: (await inspect(world.ownImage(script, `@${configuration.image.split('@')[1]}`))).digest,
    }
  }

  async function reportToGitHub(id: string): Promise<void> {
    const jobs = world.ctx.db('jobs').where({ subject: `github:${id}` })
    for (const job of await jobs.whereNull('finished_at'))
      await worker.runner.run(deliveryOf(job.id, job.queue))
  }
  const told = (id: string) =>
    github.state.records
      .filter(({ payload }) => payload.deploymentId === id)
      .map((each) => [each.sha, ...each.statuses.map(({ state }) => state)])

  async function deployed(config: { appName: string } & Record<string, unknown>): Promise<string> {
    const id = await world.started(config)
    await drive(world, worker, id)
    await reportToGitHub(id)
    const { status, completedSteps } = await world.status(id)
    expect(status, await world.messages(id)).toBe('completed')
    expect(completedSteps.filter((step: { skipped?: boolean }) => step.skipped)).toEqual([])
    return id
  }

  test("is deployed twice and rolled back, and the cloud's state differs only in its history", async () => {
    const about = { appName: 'shop', durableObjects: ['Engine'] }
    const source = { owner: 'acme', repo: 'shop' }
    const first = await deployed({
      ...about,
      script: code('first'),
      containerImage: await world.image('shop:1'),
      container: { pullSecret, maxInstances: 1 },
      environmentVars: { COLOUR: 'red' },
      secrets: { KEY: 'first-key' },
      hostnames: ['shop.example.test'],
      github: { ...source, ref: 'one' },
    })
    expect(await world.get('shop-staging')).toEqual({ status: 200, text: 'first red first-key' })
    expect((await world.get('shop-staging', '/count')).text).toBe('1')
    const before = await stateOf('shop-staging')
    expect(before.domains).toMatchObject([{ hostname: 'shop.example.test', service: 'shop-staging' }])
    expect(told(first)).toEqual([[sha.one, 'in_progress', 'success']])

    const second = await deployed({
      ...about,
      script: code('second'),
      containerImage: await world.image('shop:2', { layers: [100_000, 50] }),
      container: { pullSecret, maxInstances: 3, instanceType: 'basic' },
      environmentVars: { COLOUR: 'blue' },
      secrets: { KEY: 'second-key' },
      hostnames: ['shop.example.test', '*.shop.example.test', 'api.deep.example.test/v1/*'],
      github: { ...source, ref: 'two' },
    })
    const between = await stateOf('shop-staging')
    expect(between.answer.text).toBe('second blue second-key')
    for (const part of ['serving', 'zones', 'application', 'answer', 'image'] as const)
      expect(between[part], part).not.toEqual(before[part])

    const asked = await world.call(`/deploy/${second}/rollback`, { json: { reason: 'it is slow' } })
    expect(asked.status, asked.text).toBe(202)
    await drive(world, worker, second)
    await reportToGitHub(second)
    expect((await world.status(second)).status, await world.messages(second)).toBe('rolled_back')
    expect(await stateOf('shop-staging')).toEqual(before)
    // Data is not taken back, and no secret is told.
    expect((await world.get('shop-staging', '/count')).text).toBe('2')
    expect([told(first), told(second)]).toEqual([
      [[sha.one, 'in_progress', 'success', 'inactive', 'success']],
      [[sha.two, 'in_progress', 'success', 'inactive']],
    ])
    expect((await world.versions('shop')).map(({ deploymentId, state }) => [deploymentId, state])).toEqual([
      [second, 'quarantined'],
      [first, 'serving'],
    ])
    const lines = `${await world.messages(first)}${await world.messages(second)}`
    for (const secret of ['first-key', 'second-key', pullSecret.password]) expect(lines).not.toContain(secret)
  })

  describe('whose deployment fails', () => {
    let served = {}
    let image = ''
    let digests: string[] = []
    let attempts = 0
    beforeAll(async () => {
      const about = { appName: 'rows', script: code('old'), durableObjects: ['Engine'] }
      const config = { ...about, containerImage: await world.image('rows:1'), container: { pullSecret } }
      await drive(world, worker, await world.started(config))
      served = await serving()
      image = await world.image('rows:2')
      const { manifest } = await inspect(world.seenBySkopeo.team('rows:2'), {
        creds: world.seenBySkopeo.creds,
      })
      digests = manifest.layers.map(({ digest }: { digest: string }) => digest)
    })

    const serving = async () => {
      const [{ max_instances, configuration }] = named(await world.applications(), 'name', 'rows-staging')
      return { max_instances, configuration, answer: await world.get('rows-staging') }
    }
    const ofLayer = ({ method, path }: ProxiedCall) =>
      method === 'GET' && digests.some((digest) => path.endsWith(digest))
    const onTheWay = (side: 'way' | 'cloudWay', what: (call: ProxiedCall) => Mishap | undefined) => () =>
      world[side].decide(what)
    /** How the cloud says that our rollout is. */
    const isAnswered = (status: string, times?: number) => () => {
      const rollout = { id: 'ours', status, description: '', target_configuration: { image: 'x' } }
      const body = JSON.stringify({ success: true, errors: [], messages: [], result: rollout })
      world.proxy.fault({
        ...{ method: 'GET', path: /\/rollouts\/[^/]+$/ },
        ...(times === undefined ? {} : { times }),
        fault: { kind: 'answer', status: 200, body },
      })
    }
    // Too late to be waited for by the call.
    const later = { kind: 'answer', headers: { 'retry-after': '60' }, body: '' } as const
    const denied = '{"errors":[{"code":"DENIED","message":"requested access is denied"}]}'
    const happenings: Record<string, () => unknown> = {
      'of the image does not answer': onTheWay('way', () => ({ kind: 'drop' })),
      'of the image is busy': onTheWay('way', () => ({ ...later, status: 429 })),
      'the pull secret': onTheWay('way', () => ({ kind: 'answer', status: 403, body: denied })),
      'no longer in its registry': onTheWay('way', ({ path }) =>
        path.includes('/manifests/') ? { kind: 'answer', status: 404, body: '' } : undefined,
      ),
      'not match its digest': onTheWay('way', (call) => (ofLayer(call) ? { kind: 'corrupt' } : undefined)),
      'in the middle of a layer': onTheWay('way', (call) =>
        ofLayer(call)
          ? { kind: 'cut answer', after: call.headers.range === undefined ? 50_000 : 0 }
          : undefined,
      ),
      'refuses the image': onTheWay('cloudWay', ({ method }) =>
        method === 'POST' ? { kind: 'answer', status: 403, body: denied } : undefined,
      ),
      'registry is down': onTheWay('cloudWay', () => ({ ...later, status: 503 })),
      reverts: isAnswered('reverted'),
      replaces: isAnswered('replaced'),
      'does not end': isAnswered('progressing', 999),
      'room for containers': () =>
        world.proxy.fault({
          ...{ method: 'POST', path: /\/rollouts$/ },
          fault: refusal(400, 1000, JSON.stringify({ error: 'SURPASSED_TOTAL_LIMITS', details: 'vcpu' })),
        }),
      'token is revoked': () => {
        world.proxy.fault({
          ...{ path: /\/containers\/applications/, times: 99 },
          fault: refusal(403, 10000, 'Authentication error'),
        })
        world.proxy.fault({
          path: /\/tokens\/verify$/,
          times: 99,
          fault: refusal(401, 1000, 'Invalid API Token'),
        })
      },
    }

    async function expectRow(row: Row, happens: () => unknown): Promise<void> {
      const config = {
        appName: 'rows',
        script: code(`new ${++attempts}`),
        durableObjects: ['Engine'],
        containerImage: image,
      }
      const container = { pullSecret, maxInstances: 2 }
      const id = await world.started({ ...config, container }, { maxRetries: 0 })
      await drive(world, worker, id, row.step)
      happens()
      await drive(world, worker, id, 'rollback')
      const { error, currentStep } = await world.status(id)
      expect([currentStep?.step, error?.code, error?.retryable]).toEqual([row.step, row.code, row.retryable])
      expect(errorCodes[row.code].status).toBe(row.status)
      for (const way of [world.way, world.cloudWay, world.proxy]) way.reset()
      await drive(world, worker, id)
      expect((await world.status(id)).status, await world.messages(id)).toBe(
        row.step === 'upload_container' ? 'failed' : 'rolled_back',
      )
      const lines = await world.messages(id)
      expect(lines).toContain(`[${row.code}]`)
      expect(lines, 'the log tells what to do').toContain(error.suggestedAction)
      expect(lines).not.toContain(pullSecret.password)
      expect(await serving()).toEqual(served)
    }

    test.each(rowsOf('Images and rollouts'))('because $said is $code', async (row) => {
      const [, happens] = Object.entries(happenings).find(([words]) => row.said.includes(words)) ?? []
      if (happens === undefined) throw new Error(`nobody knows how to make this happen: ${row.said}`)
      await expectRow(row, happens)
    })
  })
})
