import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { accountId } from '../../local-cloud/harness.ts'
import { refusal } from '../cloudflare/fault-proxy.ts'
import { drive, type Runner, startWorld, type World } from '../harness.ts'

let world: World
let worker: Runner
const queues = new Map<string, string>()
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
  for (const name of ['jobs', 'dead']) {
    queues.set(name, (await account('POST', '/queues', { queue_name: name })).queue_id)
  }
})
afterAll(() => world?.stop())
beforeEach(async () => {
  await account('DELETE', '/workflows/orders')
  const consumer = await consumerOf('jobs')
  if (consumer !== undefined) await account('DELETE', `${consumersPath('jobs')}/${consumer.consumer_id}`)
  world.proxy.reset()
})

const all = {
  script: code('hello'),
  crons: ['0 3 * * *', '*/5 * * * *'],
  queueConsumers: [{ queue: 'jobs', dead_letter_queue: 'dead', settings: { batch_size: 5 } }],
  workflows: [{ name: 'orders', class_name: 'Orders' }],
  scriptSettings: { logpush: true, tags: ['team:shop'] },
}

function code(text: string): string {
  return `import { WorkflowEntrypoint } from 'cloudflare:workers'
  export class Orders extends WorkflowEntrypoint {}
  export class NewOrders extends WorkflowEntrypoint {}
  export default { fetch: () => new Response('${text}'), queue() {}, scheduled() {} }`
}

async function deploy(config: { appName: string } & Record<string, unknown>, options = {}) {
  const id = await world.started({ script: code('hello'), ...config }, options)
  await drive(world, worker, id)
  return { id, ...(await world.status(id)) }
}

const account = async (method: string, path: string, body?: unknown) =>
  (await world.callCloud(method, `/accounts/${accountId}${path}`, body as object)).result
const consumersPath = (queue: string) => `/queues/${queues.get(queue)}/consumers`
const consumerOf = async (queue: string) => (await account('GET', consumersPath(queue)))[0]
const workflowClass = async () => (await account('GET', '/workflows/orders'))?.class_name
const schedulesOf = async (script: string): Promise<string[]> =>
  (await world.script('GET', `${script}/schedules`)).result.schedules
    .map(({ cron }: { cron: string }) => cron)
    .toSorted()
const settingsOf = async (script: string) => (await world.script('GET', `${script}/script-settings`)).result

/** The calls that change something of the cloud, in their order. */
const writes = () =>
  world.proxy.calls
    .filter(({ method }) => method !== 'GET')
    .map(({ method, path }) => `${method} ${path.replace(/^.*?(scripts|queues|workflows)/, '$1')}`)
    .map((call) =>
      call.replace(queues.get('jobs') ?? '', '{jobs}').replace(/consumers\/.+/, 'consumers/{id}'),
    )

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
  expect(await schedulesOf('timed-staging')).toEqual(all.crons.toSorted())
  expect(await consumerOf('jobs')).toMatchObject({
    script_name: 'timed-staging',
    dead_letter_queue: 'dead',
    settings: { batch_size: 5 },
  })
  expect(await workflowClass()).toBe('Orders')
  expect(await settingsOf('timed-staging')).toMatchObject({ logpush: true, tags: ['team:shop'] })
  expect(writes().at(-1)).toBe('POST queues/{jobs}/consumers')
  world.proxy.calls.length = 0
  const again = await deploy({ appName: 'timed', ...all, script: code('next') })
  expect(again.status).toBe('completed')
  expect(writes().filter((call) => /queues|workflows|schedules|settings/.test(call))).toEqual([])
})

test('a rollback restores consumers and schedules before the traffic, and the rest after it', async () => {
  await deploy({ appName: 'undone', ...all })
  const { metadata: before } = await deploy({ appName: 'undone', ...all, script: code('second') })
  const { id } = await deploy({
    appName: 'undone',
    script: code('third'),
    crons: [],
    queueConsumers: [{ queue: 'jobs', settings: { batch_size: 50 } }],
    workflows: [{ name: 'orders', class_name: 'NewOrders' }],
    scriptSettings: { logpush: false, tags: null },
  })
  expect(await schedulesOf('undone-staging')).toEqual([])
  expect(await consumerOf('jobs')).toMatchObject({
    dead_letter_queue: '',
    settings: { batch_size: 50 },
  })
  world.proxy.calls.length = 0
  const answer = await world.call(`/deploy/${id}/rollback`, { json: {} })
  expect(answer.json.data.willNotUndo).toContain('Messages that were consumed do not return to their queue')
  await drive(world, worker, id)
  expect((await world.status(id)).status, await world.messages(id)).toBe('rolled_back')
  expect(writes()).toEqual([
    'PUT queues/{jobs}/consumers/{id}',
    'PUT scripts/undone-staging/schedules',
    'POST scripts/undone-staging/deployments',
    'PUT workflows/orders',
    'PATCH scripts/undone-staging/script-settings',
  ])
  expect(await schedulesOf('undone-staging')).toEqual(all.crons.toSorted())
  expect(await consumerOf('jobs')).toMatchObject({
    dead_letter_queue: 'dead',
    settings: { batch_size: 5 },
  })
  expect(await workflowClass()).toBe('Orders')
  expect(await settingsOf('undone-staging')).toMatchObject({ logpush: true, tags: ['team:shop'] })
  const serving = (await world.script('GET', 'undone-staging/deployments')).result.deployments[0].versions
  expect(serving).toEqual([{ version_id: before.version, percentage: 100 }])
})

test('a limit of schedules fails the deployment, and what it has changed returns', async () => {
  await deploy({ appName: 'limited' })
  await deploy({ appName: 'full' })
  // The limit is the account's; only two more schedules fit.
  const { result: scripts } = await world.callCloud('GET', world.scriptsPath)
  for (const { id } of scripts) await world.script('PUT', `${id}/schedules`, [])
  const others = Array.from({ length: 248 }, (_, index) => ({
    cron: `${index % 60} ${Math.floor(index / 60)} * * *`,
  }))
  await world.script('PUT', 'full-staging/schedules', others)
  const crons = ['1 5 * * *', '2 5 * * *', '3 5 * * *']
  const { id, status, error } = await deploy({ appName: 'limited', ...all, script: code('new'), crons })
  await world.script('PUT', 'full-staging/schedules', [])
  expect([status, error.code], await world.messages(id)).toEqual(['rolled_back', 'DEPLOY_002'])
  expect(error.message).toContain('cron')
  expect(error.suggestedAction).toContain('Remove schedules')
  expect(await workflowClass()).toBeUndefined()
  expect(await consumerOf('jobs')).toBeUndefined()
  expect((await settingsOf('limited-staging')).logpush).toBeFalsy()
  expect((await world.get('limited-staging')).text).toBe('hello')
})

test('a first deployment that fails leaves no consumer and no workflow', async () => {
  const fault = refusal(400, 11001, 'The Worker does not export a queue handler')
  world.proxy.fault({ method: 'POST', path: /consumers$/, fault })
  const { status, error } = await deploy({ appName: 'infant', ...all })
  expect([status, error.code]).toEqual(['rolled_back', 'DEPLOY_001'])
  expect([await consumerOf('jobs'), await workflowClass()]).toEqual([undefined, undefined])
  expect((await world.get('infant-staging')).status).toBe(404)
})

test('a consumer or a workflow of another Worker, and a missing queue, are refused before anything', async () => {
  await deploy({ appName: 'owner', queueConsumers: [{ queue: 'jobs' }] })
  const taken = await world.prepare({ appName: 'modest', ...all })
  expect([taken.status, taken.json.error.message]).toEqual([
    409,
    'The queue jobs is consumed by the Worker owner-staging; a queue has one consumer',
  ])
  const owned = { script_name: 'owner-staging', class_name: 'Orders' }
  await account('PUT', '/workflows/orders', owned)
  const workflow = await world.prepare({ appName: 'modest', workflows: all.workflows })
  expect([workflow.status, workflow.json.error.message]).toEqual([
    409,
    'The workflow orders belongs to the Worker owner-staging',
  ])
  const missing = await world.prepare({ appName: 'modest', queueConsumers: [{ queue: 'absent' }] })
  expect([missing.status, missing.json.error.message]).toEqual([
    424,
    'The queue absent does not exist, so it cannot have a consumer',
  ])
})

test('a consumer that another Worker takes between plan and step fails the deployment, and stays', async () => {
  await deploy({ appName: 'rival' })
  const first = await deploy({ appName: 'late', ...all, queueConsumers: undefined })
  expect(first.status, await world.messages(first.id)).toBe('completed')
  const id = await world.started({ appName: 'late', ...all, script: code('new') })
  await drive(world, worker, id, 'configure_triggers')
  const rival = { type: 'worker', script_name: 'rival-staging' }
  await account('POST', consumersPath('jobs'), rival)
  await drive(world, worker, id)
  const { status, error } = await world.status(id)
  expect([status, error.code], await world.messages(id)).toEqual(['rolled_back', 'STATE_001'])
  expect(error.message).toContain('consumed by the Worker rival-staging')
  expect(await consumerOf('jobs')).toMatchObject({ script_name: 'rival-staging' })
  expect((await world.get('late-staging')).text).toBe('hello')
})

test("a consumer that an earlier call adds at the same moment counts as this deployment's", async () => {
  const id = await world.started({ appName: 'twice', ...all })
  await drive(world, worker, id, 'configure_triggers')
  const settings = { batch_size: 5 }
  const earlier = { type: 'worker', script_name: 'twice-staging', dead_letter_queue: 'dead', settings }
  let isFirst = true
  world.proxy.decide(({ method, path }) => {
    if (method !== 'POST' || !/consumers$/.test(path) || !isFirst) return undefined
    isFirst = false
    const until = account('POST', consumersPath('jobs'), earlier)
    return { kind: 'hold', until, reached: () => undefined, arrived: () => undefined }
  })
  await drive(world, worker, id)
  expect((await world.status(id)).status, await world.messages(id)).toBe('completed')
  expect(await consumerOf('jobs')).toMatchObject({ script_name: 'twice-staging', settings })
})

test('a plan is stale if schedules or consumers have changed since', async () => {
  await deploy({ appName: 'moved', ...all })
  const id = await world.planned({ appName: 'moved', ...all, script: code('new') })
  await world.script('PUT', 'moved-staging/schedules', [{ cron: '1 1 * * *' }])
  await account('DELETE', `${consumersPath('jobs')}/${(await consumerOf('jobs')).consumer_id}`)
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
  const { status } = await deploy({ appName: 'quiet', script: code('new') })
  expect(status).toBe('completed')
  expect(world.proxy.calls.filter(({ path }) => /schedules|queues|workflows/.test(path))).toEqual([])
  expect(await schedulesOf('quiet-staging')).toEqual(all.crons.toSorted())
  expect(await settingsOf('quiet-staging')).toMatchObject({ logpush: true })
})
