import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { drive, hello, type Runner, startWorld, type World } from '../harness.ts'

let world: World
let worker: Runner
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
afterAll(() => world?.stop())
beforeEach(() => world.proxy.reset())

async function deploy(config: { appName: string } & Record<string, unknown>, options: object = {}) {
  const id = await world.started(config, { maxRetries: 0, ...options })
  await drive(world, worker, id)
  return { id, ...(await world.status(id)) }
}

/** The requests that reach Workers, as `METHOD host/path`. */
function seeRequests(): string[] {
  const seen: string[] = []
  world.proxy.decide(({ method, path }) => {
    if (path.startsWith('worker:')) seen.push(`${method} ${path.slice('worker:'.length)}`)
    return undefined
  })
  return seen
}

test('a Worker without a handler for requests is deployed without a check, whatever its addresses', async () => {
  const timer = (text: string) => `export default { scheduled() { console.log('${text}') } }`
  const first = await deploy({ appName: 'timer', script: timer('one') })
  expect(first.status, await world.messages(first.id)).toBe('completed')
  expect(await world.messages(first.id)).toContain(
    'Skipped the health check: timer-staging has no handler for requests (fetch)',
  )
  const seen = seeRequests()
  const second = await deploy({ appName: 'timer', script: timer('two') })
  expect(second.status, await world.messages(second.id)).toBe('completed')
  expect(await world.messages(second.id)).toContain('Not checked at 0 % of the traffic')
  expect(seen).toEqual([])
  const traffic = { steps: [50, 100], everySeconds: 1 }
  const gradual = await deploy({ appName: 'timer', script: timer('three') }, { traffic })
  expect([gradual.status, gradual.error.code]).toEqual(['failed', 'STATE_001'])
})

test('a version that gets a handler for requests is checked', async () => {
  await deploy({ appName: 'awake', script: 'export default { scheduled() {} }' })
  const sick = `export default { fetch: () => new Response('no', { status: 500 }) }`
  const { status, error } = await deploy({
    appName: 'awake',
    script: sick,
    healthCheck: { timeoutSeconds: 1 },
  })
  expect([status, error.code]).toEqual(['rolled_back', 'DEPLOY_006'])
})

test('the check uses the method, the path and the host of the plan, before and after the traffic', async () => {
  const posts = (text: string) => `export default {
    fetch: (request) => new Response('${text}', {
      status: request.method === 'POST' && new URL(request.url).pathname === '/up' ? 202 : 405 }) }`
  const hostnames = ['one.example.test', 'two.example.test']
  const healthCheck = { method: 'POST', path: '/up', host: 'two.example.test', expectStatus: 202 }
  const config = { appName: 'posts', hostnames, healthCheck }
  const first = await deploy({ ...config, script: posts('one') })
  expect(first.status, await world.messages(first.id)).toBe('completed')
  const seen = seeRequests()
  const second = await deploy({ ...config, script: posts('two') })
  expect(second.status, await world.messages(second.id)).toBe('completed')
  expect(new Set(seen)).toEqual(new Set(['POST two/up']))
  expect(seen).toHaveLength(4)
  const wrong = await deploy({
    ...config,
    script: posts('three'),
    healthCheck: { ...healthCheck, method: 'GET', timeoutSeconds: 1 },
  })
  expect(wrong.error.message).toContain('answered 405')
})

test('a host that is not one of the app is refused when the plan is made', async () => {
  const healthCheck = { host: 'elsewhere.example.test' }
  const answer = await world.prepare({ appName: 'foreign', hostnames: ['own.example.test'], healthCheck })
  expect(answer.status).toBe(400)
  expect(answer.json.error.details.fields).toEqual([
    { path: 'config.healthCheck.host', problem: 'is not a public host name of the app that serves /' },
  ])
})

test('without a check before the traffic, the version is checked after it has the traffic', async () => {
  const config = { appName: 'late-check', healthCheck: { beforeTraffic: false, timeoutSeconds: 1 } }
  await deploy({ ...config, script: hello('good') })
  const { plan } = (await world.prepare({ ...config, script: hello('next') })).json.data
  expect(plan.checkBeforeTraffic).toEqual({
    possible: false,
    reason: 'the check before traffic is turned off',
    proof: null,
  })
  const sick = `export default { fetch: () => new Response('no', { status: 500 }) }`
  const { status, currentStep } = await deploy({ ...config, script: sick })
  expect([status, currentStep.step]).toEqual(['rolled_back', 'health_check'])
  expect((await world.get('late-check-staging')).text).toBe('good')
})

test('limits and placement stay if the plan does not mention them, and null removes them', async () => {
  const limits = { cpu_ms: 50 }
  const placement = { mode: 'smart' }
  const uploads = () =>
    world.proxy.made('POST', /kept-staging\/versions$/).map(({ body }) => {
      const { limits: sent, placement: placed } = body.metadata
      return { limits: sent, placement: placed }
    })
  const changesOf = async (config: object) => {
    const { plan } = (await world.prepare({ appName: 'kept', script: hello('next'), ...config })).json.data
    return plan.changes.filter(({ kind }: { kind: string }) => kind === 'setting')
  }
  await deploy({ appName: 'kept', script: hello('one'), versionSettings: { limits, placement } })
  const kept = (name: string) => ({ kind: 'setting', name, action: 'keep' })
  expect(await changesOf({})).toEqual([kept('limits'), kept('placement')])
  await deploy({ appName: 'kept', script: hello('two') })
  expect(await changesOf({ versionSettings: { limits: { cpu_ms: 70 }, placement: null } })).toEqual([
    { kind: 'setting', name: 'limits', action: 'replace' },
    { kind: 'setting', name: 'placement', action: 'delete' },
  ])
  await deploy({ appName: 'kept', script: hello('three'), versionSettings: { placement: null } })
  expect(uploads()).toEqual([
    { limits, placement },
    { limits, placement: undefined },
  ])
  expect(await changesOf({})).toEqual([kept('limits')])
})
