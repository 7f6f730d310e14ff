import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { refusal } from '../cloudflare/fault-proxy.ts'
import { drive, expectGapFree, hello, startWorld, type World } from '../harness.ts'

const planted = 'planted-secret-that-nothing-may-show'
let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
beforeEach(async () => {
  world.proxy.reset()
  await world.ctx.db('cloudflare_budgets').delete()
})
afterAll(() => world.stop())

const rejected = refusal(403, 10000, 'Authentication error')
const unverified = refusal(401, 1000, 'Invalid API Token')
const verify = /\/tokens\/verify$/
const room = `import { DurableObject } from 'cloudflare:workers'
  export class Room extends DurableObject {}`

/** An app whose version `before` serves, and a second deployment that has come to a step. */
async function second(
  app: string,
  about: { stop: string; config?: object; options?: object; first?: object },
): Promise<string> {
  await drive(world, worker, await world.started({ appName: app, script: hello('before'), ...about.first }))
  const secrets = { KEY: planted }
  const config = { appName: app, script: hello('after'), secrets, ...about.config }
  const id = await world.started(config, about.options)
  await drive(world, worker, id, about.stop)
  world.proxy.reset()
  return id
}

/** It failed as told, said what to do, and what served before serves. */
async function expectUnharmed(app: string, id: string, told: { status: string; code: string; step: string }) {
  const { status, error, currentStep } = await world.status(id)
  expect([status, error.code, currentStep.step]).toEqual([told.status, told.code, told.step])
  expect(error.suggestedAction.length).toBeGreaterThan(10)
  const lines = await world.messages(id)
  expect(lines).toContain(`[${told.code}]`)
  expect(lines).toContain(error.suggestedAction)
  expect(await world.get(`${app}-staging`)).toEqual({ status: 200, text: 'before' })
  expectGapFree(await world.logs(id))
}

describe('a version that is not visible right after its upload', () => {
  test('is retried until it is visible', async () => {
    const id = await second('laggard', { stop: 'deploy_worker' })
    const fault = refusal(404, 100146, 'Version not found.')
    world.proxy.fault({ method: 'POST', path: /\/deployments$/, times: 3, fault })
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('completed')
    expect(world.proxy.made('POST', /\/versions$/)).toHaveLength(1)
    expect((await world.get('laggard-staging')).text).toBe('after')
  })

  test('and never becomes visible is reported and undone', async () => {
    const id = await second('lost', { stop: 'deploy_worker', options: { maxRetries: 0 } })
    world.proxy.fault({
      ...{ method: 'POST', path: /\/deployments$/, times: 5 },
      fault: refusal(404, 100146, 'Version not found.'),
    })
    await drive(world, worker, id)
    await expectUnharmed('lost', id, { status: 'rolled_back', code: 'SYS_005', step: 'deploy_worker' })
    expect(await world.messages(id)).toContain('not visible yet')
  })
})

describe('a migration tag that another client changes', () => {
  const classes = { script: `${room}\n${hello('after')}`, durableObjects: ['Room'] }

  test('between check and upload is read again', async () => {
    const id = await second('moved', { stop: 'deploy_worker', config: classes })
    let others = 0
    world.proxy.decide(({ method, path }) => {
      if (method !== 'PUT' || !path.endsWith('/moved-staging') || others > 0) return undefined
      others += 1
      return refusal(412, 10079, 'The migration tag precondition failed.')
    })
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('completed')
  })

  test('repeatedly fails the deployment with that reason, and nothing is changed', async () => {
    const id = await second('contested', { stop: 'deploy_worker', config: classes })
    world.proxy.fault({
      ...{ method: 'PUT', path: /\/contested-staging$/, times: 9 },
      fault: refusal(412, 10079, 'The migration tag precondition failed.'),
    })
    await drive(world, worker, id)
    await expectUnharmed('contested', id, { status: 'failed', code: 'DEPLOY_004', step: 'deploy_worker' })
    expect(await world.messages(id)).toContain('Another client is changing this Worker')
    expect(world.proxy.made('PUT', /\/contested-staging$/)).toHaveLength(2)
  })
})

describe('a token that is revoked during a run', () => {
  test.each(['check_quotas', 'deploy_worker', 'configure_dns'])('in %s is AUTH_005', async (step) => {
    const app = `revoked-${step.replace('_', '-')}`
    const config = { hostnames: [`${app}.example.test`] }
    const id = await second(app, { stop: step, config, options: { maxRetries: 1 } })
    const changed = step === 'configure_dns'
    let revoked = true
    world.proxy.decide(({ path }) => {
      if (!revoked) return undefined
      return verify.test(path) ? unverified : rejected
    })
    await drive(world, worker, id, 'rollback')
    expect((await world.status(id)).status).toBe(
      changed || step === 'deploy_worker' ? 'rolling_back' : 'failed',
    )
    // Somebody puts a good one; here it is the same one that is good again.
    revoked = false
    await drive(world, worker, id)
    const status = step === 'check_quotas' ? 'failed' : 'rolled_back'
    await expectUnharmed(app, id, { status, code: 'AUTH_005', step })
    expect(await world.messages(id)).toContain('Renew the token')
  })
})

describe('a quota that is used up between prepare and deploy', () => {
  const body = (count: number) =>
    JSON.stringify({
      ...{ success: true, errors: [], messages: [] },
      result: Array.from({ length: count }, (_, index) => ({ id: `worker-${index}` })),
    })

  test('is found before the deployment changes anything', async () => {
    const id = await world.started({ appName: 'one-too-many' })
    await drive(world, worker, id, 'check_quotas')
    world.proxy.fault({ path: /\/scripts$/, fault: { kind: 'answer', status: 200, body: body(500) } })
    await drive(world, worker, id)
    expect(await world.status(id)).toMatchObject({
      ...{ status: 'failed', error: { code: 'DEPLOY_002', retryable: false } },
      currentStep: { step: 'check_quotas', attempt: 1 },
    })
    expect(world.proxy.made('PUT', /one-too-many-staging$/)).toEqual([])
    expect(await world.messages(id)).toContain('Free or raise the quota')
  })

  test('or after the check causes the cloud’s refusal, and no script is left behind', async () => {
    const id = await world.started({ appName: 'just-late' })
    await drive(world, worker, id, 'deploy_worker')
    const fault = refusal(400, 10037, 'You have exceeded the limit of Workers.')
    world.proxy.fault({ method: 'PUT', path: /just-late-staging$/, times: 9, fault })
    await drive(world, worker, id)
    expect(await world.status(id)).toMatchObject({
      ...{ status: 'failed', error: { code: 'DEPLOY_002', retryable: false } },
      currentStep: { step: 'deploy_worker', attempt: 1 },
    })
    expect(await world.messages(id)).toContain('Delete Workers that are not needed')
    const scripts = (await world.callCloud('GET', world.scriptsPath)).result
    expect(scripts.map(({ id: name }: { id: string }) => name)).not.toContain('just-late-staging')
  })
})

test('secrets and tokens are stored only sealed', async () => {
  const { localCloud } = world.ctx.config
  const text = `quoted ${localCloud.token} and ${planted}`
  const id = await second('discreet', { stop: 'deploy_worker', options: { maxRetries: 1 } })
  world.proxy.fault({ method: 'POST', path: /\/versions$/, times: 9, fault: refusal(503, 10013, text) })
  await drive(world, worker, id)
  expect(await world.messages(id)).toContain('quoted [redacted] and [redacted]')
  const { rows } = await world.ctx.db.raw(
    "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  )
  for (const { table_name: table } of rows) {
    const all = JSON.stringify(await world.ctx.db(table))
    expect(all.includes(localCloud.token ?? '-'), `${table} holds the token`).toBe(false)
    expect(all.includes(planted), `${table} holds the app's secret`).toBe(false)
  }
})
