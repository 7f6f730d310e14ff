import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { drive, hello, type Runner, startWorld, type World } from '../harness.ts'
import { createFakeTriggers } from './fake-triggers.ts'

let world: World
let worker: Runner
let triggers: ReturnType<typeof createFakeTriggers>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
afterAll(() => world?.stop())
beforeEach(() => {
  triggers = createFakeTriggers(['jobs', 'dead'])
  world.proxy.reset()
  world.proxy.decide((call) => triggers.answer(call))
})

const all = {
  crons: ['0 3 * * *', '*/5 * * * *'],
  queueConsumers: [{ queue: 'jobs', dead_letter_queue: 'dead', settings: { batch_size: 5 } }],
  workflows: [{ name: 'orders', class_name: 'Orders' }],
  scriptSettings: { logpush: true, tags: ['team:shop'] },
}

async function deploy(config: { appName: string } & Record<string, unknown>, options = {}) {
  const id = await world.started({ healthCheck: { timeoutSeconds: 2 }, ...config }, options)
  await drive(world, worker, id)
  return { id, ...(await world.status(id)) }
}

const settingsOf = async (script: string) => (await world.script('GET', `${script}/script-settings`)).result

/** The calls that change something of the cloud, in their order. */
const writes = () =>
  world.proxy.calls
    .filter(({ method }) => method !== 'GET')
    .map(({ method, path }) => `${method} ${path.replace(/^.*?(scripts|queues|workflows)/, '$1')}`)

test('a plan lists its triggers, and its last step applies them, consumers last', async () => {
  const { plan } = (await world.prepare({ appName: 'timed', ...all })).json.data
  expect(plan.steps.at(-1).step).toBe('configure_triggers')
  expect(plan.changes).toEqual(
    expect.arrayContaining([
      { kind: 'schedule', name: '0 3 * * *', action: 'create' },
      { kind: 'queue_consumer', name: 'jobs', action: 'create' },
      { kind: 'workflow', name: 'orders', action: 'create' },
      { kind: 'setting', name: 'logpush', action: 'create' },
    ]),
  )
  world.proxy.calls.length = 0
  const { id, status, progress } = await deploy({ appName: 'timed', ...all })
  expect(status, await world.messages(id)).toBe('completed')
  expect(progress).toMatchObject({ current: 9, total: 9 })
  expect(triggers.schedules.get('timed-staging')).toEqual(all.crons)
  expect(triggers.consumers.get('jobs')).toMatchObject({
    script_name: 'timed-staging',
    dead_letter_queue: 'dead',
    settings: { batch_size: 5 },
  })
  expect(triggers.workflows.get('orders')).toMatchObject({ class_name: 'Orders' })
  expect(await settingsOf('timed-staging')).toMatchObject({ logpush: true, tags: ['team:shop'] })
  expect(writes().at(-1)).toBe('POST queues/id-jobs/consumers')
  world.proxy.calls.length = 0
  const again = await deploy({ appName: 'timed', script: hello('next'), ...all })
  expect(again.status).toBe('completed')
  expect(writes().filter((call) => /queues|workflows|schedules|settings/.test(call))).toEqual([])
})

test('a rollback restores consumers and schedules before the traffic, and the rest after it', async () => {
  await deploy({ appName: 'undone', ...all })
  const { metadata: before } = await deploy({ appName: 'undone', script: hello('second'), ...all })
  const { id } = await deploy({
    appName: 'undone',
    script: hello('third'),
    crons: [],
    queueConsumers: [{ queue: 'jobs', settings: { batch_size: 50 } }],
    workflows: [{ name: 'orders', class_name: 'NewOrders' }],
    scriptSettings: { logpush: false, tags: null },
  })
  expect(triggers.schedules.get('undone-staging')).toEqual([])
  expect(triggers.consumers.get('jobs')).toMatchObject({
    dead_letter_queue: '',
    settings: { batch_size: 50 },
  })
  world.proxy.calls.length = 0
  const answer = await world.call(`/deploy/${id}/rollback`, { json: {} })
  expect(answer.json.data.willNotUndo).toContain('Messages that were consumed do not return to their queue')
  await drive(world, worker, id)
  expect((await world.status(id)).status, await world.messages(id)).toBe('rolled_back')
  expect(writes()).toEqual([
    'PUT queues/id-jobs/consumers/consumer-1',
    'PUT scripts/undone-staging/schedules',
    'POST scripts/undone-staging/deployments',
    'PUT workflows/orders',
    'PATCH scripts/undone-staging/script-settings',
  ])
  expect(triggers.schedules.get('undone-staging')).toEqual(all.crons.toSorted())
  expect(triggers.consumers.get('jobs')).toMatchObject({
    dead_letter_queue: 'dead',
    settings: { batch_size: 5 },
  })
  expect(triggers.workflows.get('orders')).toMatchObject({ class_name: 'Orders' })
  expect(await settingsOf('undone-staging')).toMatchObject({ logpush: true, tags: ['team:shop'] })
  const serving = (await world.script('GET', 'undone-staging/deployments')).result.deployments[0].versions
  expect(serving).toEqual([{ version_id: before.version, percentage: 100 }])
})

test('a limit of schedules fails the deployment, and what it has changed returns', async () => {
  await deploy({ appName: 'limited' })
  const crons = Array.from({ length: 6 }, (_, hour) => `0 ${hour} * * *`)
  const { id, status, error } = await deploy({ appName: 'limited', script: hello('new'), ...all, crons })
  expect([status, error.code], await world.messages(id)).toEqual(['rolled_back', 'DEPLOY_002'])
  expect(error.message).toContain('limit of 5 cron triggers')
  expect(error.suggestedAction).toContain('Remove schedules')
  expect(triggers.workflows.size).toBe(0)
  expect(triggers.consumers.size).toBe(0)
  expect((await settingsOf('limited-staging')).logpush).toBeFalsy()
  expect((await world.get('limited-staging')).text).toBe('hello')
})

test('a first deployment that fails leaves no consumer and no workflow', async () => {
  world.proxy.fault({
    method: 'POST',
    path: /consumers$/,
    fault: {
      kind: 'answer',
      status: 400,
      body: '{"success":false,"errors":[{"code":11001,"message":"no queue handler"}],"messages":[],"result":null}',
    },
  })
  world.proxy.decide((call) =>
    call.method === 'POST' && /consumers$/.test(call.path) ? undefined : triggers.answer(call),
  )
  const { status, error } = await deploy({ appName: 'infant', ...all })
  expect([status, error.code]).toEqual(['rolled_back', 'DEPLOY_001'])
  expect([triggers.consumers.size, triggers.workflows.size]).toEqual([0, 0])
  expect((await world.get('infant-staging')).status).toBe(404)
})

test('a consumer or a workflow of another Worker, and a missing queue, are refused before anything', async () => {
  triggers.consumers.set('jobs', {
    type: 'worker',
    consumer_id: 'other',
    script_name: 'other-app',
    dead_letter_queue: '',
    settings: {},
  })
  const taken = await world.prepare({ appName: 'modest', ...all })
  expect([taken.status, taken.json.error.message]).toEqual([
    409,
    'The queue jobs is consumed by the Worker other-app; a queue has one consumer',
  ])
  triggers.workflows.set('orders', { script_name: 'other-app', class_name: 'X' })
  const workflow = await world.prepare({ appName: 'modest', workflows: all.workflows })
  expect([workflow.status, workflow.json.error.message]).toEqual([
    409,
    'The workflow orders belongs to the Worker other-app',
  ])
  const missing = await world.prepare({ appName: 'modest', queueConsumers: [{ queue: 'absent' }] })
  expect([missing.status, missing.json.error.message]).toEqual([
    424,
    'The queue absent does not exist, so it cannot have a consumer',
  ])
})

test('a plan is stale if schedules or consumers have changed since', async () => {
  await deploy({ appName: 'moved', ...all })
  const id = await world.planned({ appName: 'moved', script: hello('new'), ...all })
  triggers.schedules.set('moved-staging', ['1 1 * * *'])
  triggers.consumers.delete('jobs')
  const refused = await world.deploy(id)
  expect(refused.status).toBe(409)
  expect(refused.json.error.details.changes).toEqual([
    'the schedules were changed',
    'the consumer of the queue jobs was changed',
  ])
})

test('schedules and settings that a plan does not mention stay', async () => {
  await deploy({ appName: 'quiet', ...all })
  world.proxy.calls.length = 0
  const { status } = await deploy({ appName: 'quiet', script: hello('new') })
  expect(status).toBe('completed')
  expect(world.proxy.calls.filter(({ path }) => /schedules|queues|workflows/.test(path))).toEqual([])
  expect(triggers.schedules.get('quiet-staging')).toEqual(all.crons)
  expect(await settingsOf('quiet-staging')).toMatchObject({ logpush: true })
})
