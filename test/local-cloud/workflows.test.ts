import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startLocalCloud } from '../../src/local-cloud/index.ts'
import { silent } from '../helpers/context.ts'
import { until } from '../helpers/until.ts'
import { accountId, clientOf, hello, type Reply, token } from './harness.ts'

const directory = mkdtempSync(join(tmpdir(), 'local-cloud-workflows-'))
let shift = 0
const clock = () => Date.now() + shift
const start = async () => {
  const about = { host: '127.0.0.1', port: 0, dataDir: directory, token, accountId, log: silent, clock }
  const local = await startLocalCloud(about)
  return { ...local, ...clientOf(local) }
}
let cloud: Awaited<ReturnType<typeof start>>
const workflows = `/accounts/${accountId}/workflows`
const instances = `${workflows}/orders/instances`

/** A Worker with a workflow that waits for an event. `label` identifies the version. */
const shop = (label: string) => [
  {
    name: 'main.js',
    content: `
    import { WorkflowEntrypoint } from 'cloudflare:workers'
    let reserved = 0
    export class Order extends WorkflowEntrypoint {
      async run(event, step) {
        const first = await step.do('reserve', async () => '${label} reserved ' + event.payload.item + ' ' + ++reserved)
        if (event.payload.fail) await step.do('fail', { retries: { limit: 1, delay: 1 } }, () => { throw new Error('no stock') })
        if (event.payload.wait) await step.waitForEvent('payment', { type: 'paid', timeout: '1 hour' })
        await step.sleep('pack', event.payload.sleep ?? 1)
        return step.do('ship', async () => first + ', ${label} shipped')
      }
    }
    const handler = async (request, env) => {
      const { pathname, searchParams } = new URL(request.url)
      const id = searchParams.get('id')
      if (pathname === '/create') return (await env.ORDERS.create({ id, params: { item: 'book', wait: true } })).id
      if (pathname === '/batch') return (await env.ORDERS.createBatch([{ id }, { id: id + '-2' }])).map((one) => one.id)
      if (pathname === '/event') return (await env.ORDERS.get(id)).sendEvent({ type: 'paid', payload: { amount: 3 } })
      return (await (await env.ORDERS.get(id)).status()).status
    }
    export default {
      fetch: (request, env) => handler(request, env).then((it) => Response.json(it ?? null), (error) => Response.json(error.message)),
    }`,
  },
]
const own = { type: 'workflow', name: 'ORDERS', workflow_name: 'orders', class_name: 'Order' }
const definition = { script_name: 'shop', class_name: 'Order' }
const ask = async (path: string, app = 'shop') => JSON.parse((await cloud.get(app, path)).text)
const of = async (id: string): Promise<Reply['result']> =>
  (await cloud.call('GET', `${instances}/${id}`)).result
const reaches = (id: string, status: string) =>
  until(async () => (await of(id)).status === status, { what: `${id} is ${status}` })
const create = (instance_id: string, params: object) =>
  cloud.call('POST', instances, { instance_id, params: JSON.stringify(params) })
const change = (id: string, body: object) => cloud.call('PATCH', `${instances}/${id}/status`, body)

beforeAll(async () => {
  cloud = await start()
  expect((await cloud.put('shop', { bindings: [own] }, shop('one'))).status).toBe(200)
  await cloud.publish('shop')
})
afterAll(async () => {
  await cloud?.stop()
  rmSync(directory, { recursive: true, force: true })
})

test('a definition connects the binding of an upload with the class, and is refused without it', async () => {
  expect((await cloud.call('GET', `${workflows}/orders`)).code).toBe(10200)
  expect(await ask('/?id=a')).toBe('The workflow orders does not exist.')
  for (const [name, body, code] of [
    ['orders', { ...definition, class_name: 'Nobody' }, 10026],
    ['orders', { ...definition, script_name: 'nobody' }, 10007],
    ['or ders', definition, 10026],
    ['orders', { ...definition, schedules: [{ cron: 'never' }] }, 10100],
  ] as const)
    expect((await cloud.call('PUT', `${workflows}/${encodeURIComponent(name)}`, body)).code).toBe(code)
  const foreign = [{ ...own, script_name: 'shop' }]
  expect((await cloud.put('desk', { bindings: foreign }, shop('desk'))).code).toBe(10200)
  const limits = { limits: { steps: 50 }, concurrency: { limit: 2 } }
  const made = await cloud.call('PUT', `${workflows}/orders`, { ...definition, ...limits })
  expect(made.body.messages).toEqual([
    { code: 10300, message: expect.stringMatching(/concurrency .* no effect/) },
  ])
  const [version] = (await cloud.call('GET', `${workflows}/orders/versions`)).result
  expect([version.id, version.limits]).toEqual([made.result.version_id, { steps: 50 }])
  expect((await cloud.call('GET', `${workflows}/orders/versions/${version.id}`)).result.class_name).toBe(
    'Order',
  )
  expect((await cloud.call('GET', `${workflows}?search=rder`)).result).toHaveLength(1)
})

test('an instance runs its steps, waits for an event and keeps its steps and its result', async () => {
  expect(await ask('/create?id=first')).toBe('first')
  expect(await ask('/create?id=first')).toContain('instance.already_exists')
  await until(async () => (await of('first')).steps.length === 2, { what: 'it waits' })
  expect((await of('first')).steps[1]).toMatchObject({
    type: 'waitForEvent',
    name: 'payment-1',
    finished: false,
  })
  await ask('/event?id=first')
  await reaches('first', 'complete')
  expect(await of('first')).toMatchObject({
    params: { item: 'book', wait: true },
    trigger: { source: 'binding' },
    success: true,
    output: 'one reserved book 1, one shipped',
    step_count: 4,
  })
  expect(await ask('/status?id=first')).toBe('complete')
  expect((await cloud.call('POST', `${instances}/first/events/paid`, {})).code).toBe(10203)
})

test('an instance that fails shows its attempts, and can be restarted', async () => {
  await create('broken', { item: 'pen', fail: true })
  await reaches('broken', 'errored')
  const { error, success, steps } = await of('broken')
  expect([error.message, success, steps[1].attempts.length]).toEqual(['no stock', false, 2])
  expect((await change('broken', { status: 'resume' })).code).toBe(10203)
  expect((await change('broken', { status: 'restart' })).status).toBe(200)
  await reaches('broken', 'errored')
})

test('the API pauses, resumes, ends, lists and deletes instances', async () => {
  await create('waits', { item: 'ink', wait: true })
  await until(async () => (await of('waits')).steps.length === 2, { what: 'it waits' })
  await change('waits', { status: 'pause' })
  await reaches('waits', 'paused')
  await change('waits', { status: 'resume' })
  await cloud.call('POST', `${instances}/waits/events/paid`, { amount: 1 })
  await reaches('waits', 'complete')
  const batch = [
    { instance_id: 'a', params: '{"item":"a","wait":true}' },
    { instance_id: 'waits' },
    { instance_id: 'b', params: '{"item":"b","wait":true}' },
  ]
  expect(
    (await cloud.call('POST', `${instances}/batch`, batch)).result.map(({ id }: { id: string }) => id),
  ).toEqual(['a', 'b'])
  expect((await change('a', { status: 'terminate' })).result.status).toBe('terminated')
  const listed = await cloud.call('GET', `${instances}?status=terminated`)
  expect(listed.result).toMatchObject([{ id: 'a', ended_on: expect.any(String), trigger_source: 'api' }])
  const page = await cloud.call('GET', `${instances}?per_page=1`)
  const next = await cloud.call('GET', `${instances}?per_page=1&cursor=${page.body.result_info.cursor}`)
  expect([page.result[0].id, next.result[0].id]).toEqual(['b', 'a'])
  const removal = { instances: ['a', 'nobody'] }
  const removed = (await cloud.call('POST', `${instances}/batch/delete`, removal)).result
  expect(removed).toEqual({
    deleted: [{ id: 'a' }],
    errors: [{ id: 'nobody', message: 'instance.not_found' }],
  })
  expect((await cloud.call('GET', `${instances}/a`)).code).toBe(10201)
})

test('another Worker uses the workflow, and instances go on after a deployment and a restart', async () => {
  await cloud.put('desk', { bindings: [{ ...own, script_name: 'shop' }] }, shop('desk'))
  await cloud.publish('desk')
  expect(await ask('/create?id=kept', 'desk')).toBe('kept')
  await until(async () => (await of('kept')).steps.length === 2, { what: 'it waits' })
  await create('sleeps', { item: 'map', sleep: '2 seconds' })
  await cloud.put('shop', { bindings: [own] }, shop('two'))
  await cloud.stop()
  cloud = await start()
  // Nothing but the list is asked: the cloud itself continues the instance.
  const ended = async () => {
    const { result } = await cloud.call('GET', `${instances}?status=complete`)
    return result.some(({ id }: { id: string }) => id === 'sleeps')
  }
  await until(ended, { what: 'the instance ends', timeoutMs: 60_000 })
  await ask('/event?id=kept', 'desk')
  await reaches('kept', 'complete')
  expect((await of('kept')).output).toMatch(/^one reserved book \d, two shipped$/)
}, 120_000)

test('a schedule creates instances, which stay without their Worker and end with the workflow', async () => {
  const schedules = [{ cron: '* * * * *' }]
  await cloud.call('PUT', `${workflows}/orders`, { ...definition, schedules })
  const found = (await cloud.call('GET', `${workflows}/orders`)).result
  expect(found).toMatchObject({ schedules: [{ cron: '* * * * *', next_instance: expect.any(String) }] })
  shift += 60_000
  const ofCron = async () =>
    (await cloud.call('GET', instances)).result.some(
      (each: Reply['result']) => each.trigger_source === 'cron' && each.status === 'complete',
    )
  await until(ofCron, { what: 'the schedule has created an instance', timeoutMs: 30_000 })
  await cloud.script('DELETE', 'desk')
  await cloud.script('DELETE', 'shop')
  expect((await cloud.call('GET', `${workflows}/orders`)).result.script_deleted).toBe(true)
  expect((await create('late', {})).message).toMatch(/not deployed/)
  expect((await of('kept')).status).toBe('complete')
  await cloud.call('DELETE', `${workflows}/orders`)
  expect((await cloud.call('GET', `${instances}/kept`)).code).toBe(10200)
  await cloud.put('shop', {}, [{ name: 'main.js', content: hello('no class') }])
  expect((await cloud.call('PUT', `${workflows}/orders`, definition)).code).toBe(10026)
})
