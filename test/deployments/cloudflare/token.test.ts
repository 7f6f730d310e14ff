import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { drive, hello, startWorld, type World } from '../harness.ts'
import { refusal } from './fault-proxy.ts'

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

const rejected = refusal(403, 10000, 'Authentication error')
const verify = /\/tokens\/verify$/

test.each([
  ['10000', rejected],
  ['1000, as user and as account token', refusal(401, 1000, 'Invalid API Token')],
  ['a malformed header', refusal(400, 6003, 'Invalid request headers')],
])(
  'a token that is rejected at once (%s) is AUTH_003, not tried again, and nothing was changed',
  async (_, fault) => {
    const id = await world.started({ appName: 'rejected' })
    world.proxy.fault({ path: verify, times: 99, fault })
    await drive(world, worker, id)
    expect(await world.status(id)).toMatchObject({
      status: 'failed',
      error: { code: 'AUTH_003' },
      currentStep: {
        step: 'cloudflare_auth',
        status: 'failed',
        attempt: 1,
        error: expect.stringContaining('AUTH_003'),
      },
    })
    expect(world.proxy.calls.filter((call) => call.method !== 'GET')).toEqual([])
  },
)

test('an inactive token is AUTH_003 as well', async () => {
  const id = await world.started({ appName: 'disabled' })
  const result = { id: 'x', status: 'disabled' }
  const body = JSON.stringify({
    success: true,
    errors: [],
    messages: [{ code: 10000, message: 'ok' }],
    result,
  })
  world.proxy.fault({ path: verify, fault: { kind: 'answer', status: 200, body } })
  await drive(world, worker, id)
  expect(await world.status(id)).toMatchObject({ status: 'failed', error: { code: 'AUTH_003' } })
})

test('messages of a response never decide: a successful verification contains 10000', async () => {
  const id = await world.started({ appName: 'talkative' })
  const result = { id: 'x', status: 'active' }
  const messages = [{ code: 10000, message: 'This API Token is valid and active' }]
  const body = JSON.stringify({ success: true, errors: [], messages, result })
  world.proxy.fault({ path: verify, fault: { kind: 'answer', status: 200, body } })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
})

test("an account's token is verified with the account", async () => {
  const id = await world.started({ appName: 'account-token' })
  world.proxy.fault({ path: /^\/user\/tokens\/verify$/, fault: refusal(401, 1000, 'Invalid API Token') })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
  expect(world.proxy.made('GET', /^\/accounts\/[^/]+\/tokens\/verify$/)).toHaveLength(1)
})

test('a token that expires during a run is AUTH_005 and retried until it works again', async () => {
  const id = await world.started({ appName: 'expiring' })
  await drive(world, worker, id, 'deploy_worker')
  world.proxy.fault({ method: 'PUT', path: /-staging$/, fault: rejected })
  world.proxy.fault({ path: verify, times: 2, fault: refusal(401, 1000, 'Invalid API Token') })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
  expect(await world.messages(id)).toMatch(/\[AUTH_005\]; retrying \(attempt 1 of 4\)/)
})

test('a token that stays expired fails the deployment, and the previous version serves', async () => {
  await drive(world, worker, await world.started({ appName: 'expired', script: hello('before') }))
  const id = await world.started({ appName: 'expired', script: hello('after') }, { maxRetries: 1 })
  await drive(world, worker, id, 'deploy_worker')
  let expired = true
  world.proxy.decide(() => (expired ? rejected : undefined))
  await drive(world, worker, id, 'rollback')
  expect(await world.status(id)).toMatchObject({ status: 'rolling_back', error: { code: 'AUTH_005' } })
  expired = false
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('rolled_back')
  expect((await world.get('expired-staging')).text).toBe('before')
})

test('an active token without the permission is AUTH_004 and not retried', async () => {
  const id = await world.started({ appName: 'lacking' })
  world.proxy.fault({ method: 'PUT', path: /-staging$/, times: 99, fault: rejected })
  await drive(world, worker, id)
  expect(await world.status(id)).toMatchObject({
    status: 'failed',
    error: { code: 'AUTH_004' },
    currentStep: { step: 'deploy_worker', attempt: 1 },
  })
})

test('the token appears in no log, row or response', async () => {
  const id = await world.started({ appName: 'discreet' })
  const text = `bad header Authorization: Bearer ${world.ctx.config.localCloud.token}`
  world.proxy.fault({ method: 'PUT', path: /-staging$/, times: 99, fault: refusal(400, 10021, text) })
  await drive(world, worker, id)
  const seen = [
    JSON.stringify(await world.status(id)),
    JSON.stringify(await world.logs(id)),
    JSON.stringify(await world.ctx.db('jobs').where({ subject: `deployment:${id}` })),
    JSON.stringify(await world.ctx.db('events')),
  ].join('\n')
  expect(seen).toContain('[redacted]')
  expect(seen).not.toContain(world.ctx.config.localCloud.token)
})
