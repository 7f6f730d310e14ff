import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { accountId } from '../local-cloud/harness.ts'
import { deliveryOf } from '../platform/jobs/job-harness.ts'
import { refusal } from './cloudflare/fault-proxy.ts'
import { drive, hello, startWorld, type World } from './harness.ts'

let world: World
let worker: Awaited<ReturnType<World['worker']>>
let zone: string
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
  zone = (await world.callCloud('GET', '/zones?name=example.test')).result[0].id
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

const domainsPath = `/accounts/${accountId}/workers/domains`
const broken = `export default { fetch: () => new Response('broken', { status: 500 }) }`
const impatient = { script: broken, healthCheck: { timeoutSeconds: 1 } }

async function run(config: Parameters<World['started']>[0], options: object = {}): Promise<string> {
  const id = await world.started(config, options)
  await drive(world, worker, id)
  return id
}
const listed = async (path: string) => (await world.callCloud('GET', path)).result
const domains = async () =>
  (await listed(domainsPath)).map(
    (each: { hostname: string; service: string }) => `${each.hostname} ${each.service}`,
  )
const records = async (name = '') =>
  (await listed(`/zones/${zone}/dns_records${name && `?name.exact=${name}`}`)) as {
    comment?: string
    name: string
  }[]
const routes = async () =>
  (await listed(`/zones/${zone}/workers/routes`)) as { pattern: string; script: string }[]
/** All that is recorded in the zone, without ids. */
const state = async () => JSON.stringify([await domains(), await records(), await routes()])

describe('host names of a plan', () => {
  test('are routed to the Worker: a plain one as a custom domain, others as a route with a DNS record', async () => {
    const hostnames = [
      'Shop.example.test',
      '*.shop.example.test',
      'shop.example.test/api/*',
      'deep.example.test',
    ]
    const prepared = await world.prepare({ appName: 'shop', hostnames })
    expect(prepared.json.data.plan.changes).toEqual(
      expect.arrayContaining([
        { kind: 'hostname', name: 'shop.example.test', action: 'create' },
        { kind: 'hostname', name: '*.shop.example.test', action: 'create' },
        { kind: 'dns_record', name: '*.shop.example.test', action: 'create' },
      ]),
    )
    const id = prepared.json.data.deploymentId
    await world.deploy(id)
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('completed')
    expect(await domains()).toEqual(['deep.example.test shop-staging', 'shop.example.test shop-staging'])
    expect((await routes()).map(({ pattern, script }) => `${pattern} ${script}`)).toEqual([
      '*.shop.example.test shop-staging',
      'shop.example.test/api/* shop-staging',
    ])
    expect(await records('*.shop.example.test')).toMatchObject([
      { type: 'AAAA', content: '100::', proxied: true, comment: id },
    ])
    expect(await records('shop.example.test')).toHaveLength(1)
    expect(await world.messages(id)).toMatch(
      /Routed shop\.example\.test to shop-staging \(zone example\.test\)/,
    )
  })

  test('are not changed by the next deployment and its rollback', async () => {
    const before = await state()
    const hostnames = ['shop.example.test', '*.shop.example.test']
    const again = await world.prepare({ appName: 'shop', hostnames })
    expect(again.json.data.plan.changes).toContainEqual({
      kind: 'hostname',
      name: 'shop.example.test',
      action: 'keep',
    })
    await run({ appName: 'shop', hostnames, script: hello('again') })
    expect(await state()).toBe(before)
    const id = await run({ appName: 'shop', hostnames, ...impatient })
    expect((await world.status(id)).status).toBe('rolled_back')
    expect(await state()).toBe(before)
  })

  test('that a failed deployment added are removed; other routes stay', async () => {
    // Without a present address, the version cannot be checked before its host names are routed.
    await run({ appName: 'grows', workersDev: false })
    const before = await state()
    const hostnames = ['grows.example.test', 'api.grows.example.test/v1/*']
    const id = await world.started({ appName: 'grows', hostnames, ...impatient })
    await drive(world, worker, id, 'health_check')
    expect(await state()).not.toBe(before)
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('rolled_back')
    expect(await state()).toBe(before)
    expect(await world.messages(id)).toMatch(/Removed the route from \S+ to grows-staging/)
  })

  test('of a failed first deployment are removed', async () => {
    const before = await state()
    const id = await run({ appName: 'stillborn', hostnames: ['born.example.test'], ...impatient })
    expect((await world.status(id)).status).toBe('rolled_back')
    expect(await state()).toBe(before)
  })
})

test('the deletion of an app removes the host names that its deployments created', async () => {
  const before = await state()
  await run({ appName: 'leaver', hostnames: ['leaver.example.test', '*.leaver.example.test'] })
  await run({ appName: 'leaver', script: hello('again'), hostnames: ['leaver.example.test/x/*'] })
  const answer = await world.call('/deploy/apps/leaver/staging', {
    method: 'DELETE',
    json: { confirm: 'leaver' },
  })
  const job = await world.ctx.db('jobs').where({ id: answer.json.data.jobId }).first()
  await worker.runner.run(deliveryOf(job.id, job.queue))
  expect(await state()).toBe(before)
})

describe('prepare', () => {
  test('host names without a zone are 424, and all are named', async () => {
    const hostnames = ['a.elsewhere.test', 'b.elsewhere.test', 'fine.example.test']
    const { status, json } = await world.prepare({ appName: 'homeless', hostnames })
    expect([status, json.error.code, json.error.retryable]).toEqual([424, 'STATE_003', false])
    expect(json.error.details.checks).toEqual({ resources: 'pass', quotas: 'pass', dependencies: 'fail' })
    expect(json.error.details.problems).toHaveLength(2)
  })

  test('a host name with another route or other DNS records is 409', async () => {
    await run({ appName: 'holder', hostnames: ['held.example.test', 'held.example.test/*'] })
    await world.callCloud('POST', `/zones/${zone}/dns_records`, {
      ...{ type: 'A', name: 'old.example.test', content: '192.0.2.1', ttl: 1 },
    })
    const hostnames = ['held.example.test', 'held.example.test/*', 'old.example.test']
    const { status, json } = await world.prepare({ appName: 'wanter', hostnames })
    expect([status, json.error.code]).toEqual([409, 'STATE_001'])
    expect(json.error.details.checks).toEqual({ resources: 'fail', quotas: 'pass', dependencies: 'pass' })
    expect(json.error.details.problems).toHaveLength(3)
    expect(json.error.message).toContain('is routed to the Worker holder-staging')
  })

  test.each([
    ['nolabel'],
    ['http://a.example.test'],
    ['a.*.example.test'],
    ['a.example.test/x*y'],
    ['-a.example.test'],
    ['a.example.test:80'],
  ])('%s is an invalid host name', async (name) => {
    const { status, json } = await world.prepare({ appName: 'odd', hostnames: [name] })
    expect([status, json.error.details.fields[0].path]).toEqual([400, 'config.hostnames.0'])
  })
})

describe('a change between prepare and deploy', () => {
  async function refusedIn(hostname: string, meanwhile: () => Promise<unknown>, stop: string) {
    const id = await world.started({ appName: 'late', hostnames: [hostname] })
    await drive(world, worker, id, stop)
    await meanwhile()
    await drive(world, worker, id)
    return world.status(id)
  }
  const record = (name: string) =>
    world.callCloud('POST', `/zones/${zone}/dns_records`, { type: 'A', name, content: '192.0.2.1', ttl: 1 })

  test('is found before the deployment changes anything', async () => {
    const status = await refusedIn('early.example.test', () => record('early.example.test'), 'check_quotas')
    expect(status).toMatchObject({
      status: 'failed',
      error: { code: 'STATE_001' },
      currentStep: { step: 'check_quotas', attempt: 1 },
    })
    expect(world.proxy.calls.filter(({ path }) => path.endsWith('/late-staging'))).toEqual([])
  })

  test('later fails the DNS step without a retry and is rolled back', async () => {
    const status = await refusedIn('mid.example.test', () => record('mid.example.test'), 'configure_dns')
    expect(status).toMatchObject({
      status: 'rolled_back',
      error: { code: 'DEPLOY_005' },
      currentStep: { step: 'configure_dns', attempt: 1, error: expect.stringContaining('100117') },
    })
    expect(await records('mid.example.test')).toHaveLength(1)
  })
})

test('a call with a lost answer is searched for before it is repeated', async () => {
  const hostnames = ['lost.example.test', 'lost.example.test/x/*', '*.lost.example.test']
  const id = await world.started({ appName: 'lossy', hostnames })
  await drive(world, worker, id, 'configure_dns')
  world.proxy.reset()
  world.proxy.fault({ method: 'PUT', path: /\/domains$/, fault: { kind: 'lose' } })
  world.proxy.fault({ method: 'POST', path: /\/routes$/, fault: { kind: 'lose' } })
  world.proxy.fault({ method: 'POST', path: /\/dns_records$/, fault: { kind: 'lose' } })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
  expect(world.proxy.made('PUT', /\/domains$/)).toHaveLength(1)
  expect(world.proxy.made('POST', /\/routes$/)).toHaveLength(2)
  expect(world.proxy.made('POST', /\/dns_records$/)).toHaveLength(1)
})

test('an identical DNS record created at the same time counts as success', async () => {
  const id = await world.started({ appName: 'twin', hostnames: ['*.twin.example.test'] })
  await drive(world, worker, id, 'configure_dns')
  world.proxy.fault({ method: 'POST', path: /\/dns_records$/, fault: refusal(400, 81058, 'identical') })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
})

test('an earlier call that creates the same route first counts as success', async () => {
  const id = await world.started({ appName: 'tardy', hostnames: ['tardy.example.test/*'] })
  await drive(world, worker, id, 'configure_dns')
  const late = { pattern: 'tardy.example.test/*', script: 'tardy-staging' }
  const meanwhile = async () => void (await world.callCloud('POST', `/zones/${zone}/workers/routes`, late))
  world.proxy.fault({ method: 'GET', path: /\/workers\/routes$/, fault: { kind: 'pass', meanwhile } })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
})
