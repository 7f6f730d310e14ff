import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { accountId } from '../../local-cloud/harness.ts'
import { drive, type Runner, startWorld, type World } from '../harness.ts'
import { enumerate, expectEnded, expectWhole, moments } from './crash.ts'
import { startLanes } from './mortals.ts'

// Real processes start and die here, many of them.
vi.setConfig({ testTimeout: 900_000 })

let world: World
let runs: Awaited<ReturnType<typeof startLanes>>
let heir: Runner
beforeAll(async () => {
  world = await startWorld()
  heir = await world.worker()
  runs = await startLanes(world, moments.length)
})
afterAll(async () => {
  await runs?.stop()
  await world?.stop()
})

let made = 0
const worker = (text: string) =>
  `import { WorkflowEntrypoint } from 'cloudflare:workers'
  export class Orders extends WorkflowEntrypoint {}
  export class NewOrders extends WorkflowEntrypoint {}
  export default { fetch: () => new Response('${text}'), queue() {}, scheduled() {} }`
const account = async (method: string, path: string, body?: object) =>
  (await world.callCloud(method, `/accounts/${accountId}${path}`, body)).result
const createQueue = (name: string) => account('POST', '/queues', { queue_name: name })

const workflowClass = async (name: string) => (await account('GET', `/workflows/${name}`))?.class_name

/** What starts an app besides requests. */
async function triggersOf(appName: string) {
  const { schedules } = (await world.script('GET', `${appName}-staging/schedules`)).result
  const [queue] = await account('GET', `/queues?name=${appName}`)
  const consumers = await account('GET', `/queues/${queue.queue_id}/consumers`)
  const { logpush } = (await world.script('GET', `${appName}-staging/script-settings`)).result
  return {
    crons: schedules.map(({ cron }: { cron: string }) => cron),
    batchSizes: consumers.map(({ settings }: { settings: { batch_size: number } }) => settings.batch_size),
    workflow: await workflowClass(appName),
    logpush,
  }
}

const config = (appName: string, text: string) => ({
  appName,
  script: worker(text),
  crons: ['0 3 * * *'],
  queueConsumers: [{ queue: appName, settings: { batch_size: 5 } }],
  workflows: [{ name: appName, class_name: 'Orders' }],
  scriptSettings: { logpush: true },
})
const first = { crons: ['0 3 * * *'], batchSizes: [5], workflow: 'Orders', logpush: true }

test('a crash anywhere among the triggers of a deployment leaves each of them once', async () => {
  const points = await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'triggers',
      jobs: ['configure_triggers'],
      async begin() {
        const appName = `timed-${++made}`
        await createQueue(appName)
        return world.started(config(appName, appName), { maxRetries: 0 })
      },
      async check(id) {
        const { appName } = (await world.status(id)).metadata
        await expectWhole(world, `${appName}-staging`, { id, text: appName })
        expect(await triggersOf(appName)).toEqual(first)
      },
    },
  )
  expect(points).toBeGreaterThanOrEqual(3 * 8)
})

test('a crash anywhere in a rollback restores the triggers of the earlier version', async () => {
  const apps = moments.map((_, lane) => `back-${lane}`)
  for (const appName of apps) {
    await createQueue(appName)
    await drive(world, heir, await world.started(config(appName, 'good')))
  }
  const points = await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'rollback of changed triggers',
      jobs: ['rollback'],
      async begin(lane) {
        const appName = apps[lane] ?? ''
        const changed = {
          ...config(appName, `bad ${++made}`),
          crons: [],
          queueConsumers: [{ queue: appName, settings: { batch_size: 50 } }],
          workflows: [{ name: appName, class_name: 'NewOrders' }],
          scriptSettings: { logpush: false },
        }
        const id = await world.started(changed, { maxRetries: 0 })
        await drive(world, heir, id)
        const now = { crons: [], batchSizes: [50], workflow: 'NewOrders', logpush: false }
        expect(await triggersOf(appName)).toEqual(now)
        expect((await world.call(`/deploy/${id}/rollback`, { json: {} })).status).toBe(202)
        return id
      },
      async check(id) {
        const { appName } = (await world.status(id)).metadata
        expect((await world.status(id)).status, await world.messages(id)).toBe('rolled_back')
        expect(await triggersOf(appName)).toEqual(first)
        expect((await world.get(`${appName}-staging`)).text).toBe('good')
      },
    },
  )
  expect(points).toBeGreaterThanOrEqual(3 * 14)
})

test('a crash anywhere in the rollback of a first deployment leaves no trigger', async () => {
  const points = await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'rollback of new triggers',
      jobs: ['rollback'],
      async begin() {
        const appName = `gone-${++made}`
        await createQueue(appName)
        const refused = { queue: `${appName}-late`, settings: {} }
        const { queue_id: late } = await createQueue(refused.queue)
        const { queueConsumers, ...rest } = config(appName, appName)
        const wanted = { ...rest, queueConsumers: [...queueConsumers, refused] }
        const id = await world.started(wanted, { maxRetries: 0 })
        await drive(world, heir, id, 'configure_triggers')
        // The last trigger fails, so that all others have to be undone.
        await account('DELETE', `/queues/${late}`)
        await drive(world, heir, id, 'rollback')
        expect((await world.status(id)).status).toBe('rolling_back')
        return id
      },
      async check(id) {
        const { appName } = (await world.status(id)).metadata
        await expectEnded(world, id, 'rolled_back')
        const [queue] = await account('GET', `/queues?name=${appName}`)
        expect(await account('GET', `/queues/${queue.queue_id}/consumers`)).toEqual([])
        expect(await workflowClass(appName)).toBeUndefined()
        expect((await world.get(`${appName}-staging`)).status).toBe(404)
      },
    },
  )
  expect(points).toBeGreaterThanOrEqual(3 * 9)
})
