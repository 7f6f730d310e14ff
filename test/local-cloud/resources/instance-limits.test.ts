import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startLocalCloud } from '../../../src/local-cloud/index.ts'
import { silent } from '../../helpers/context.ts'
import { createInlineRuntime } from '../../helpers/inline-runtime.ts'
import { accountId, clientOf, token } from '../harness.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'local-cloud-instances-'))
const workflow = `/accounts/${accountId}/workflows/orders`
const content = `
  import { WorkflowEntrypoint } from 'cloudflare:workers'
  export class Order extends WorkflowEntrypoint {}
  export default { fetch: () => new Response('shop') }`
const start = async () => {
  const about = { host: '127.0.0.1', port: 0, dataDir, token, accountId, log: silent }
  const local = await startLocalCloud({ ...about, runtime: createInlineRuntime() })
  return { ...local, ...clientOf(local) }
}
let cloud: Awaited<ReturnType<typeof start>>

beforeAll(async () => {
  cloud = await start()
  expect((await cloud.put('shop', {}, [{ name: 'main.js', content }])).status).toBe(200)
  const definition = { script_name: 'shop', class_name: 'Order' }
  const { id } = (await cloud.call('PUT', workflow, definition)).result
  await cloud.stop()
  const db = new DatabaseSync(join(dataDir, 'state.sqlite'))
  const insert = db.prepare(`insert into workflow_instances
    (workflow_id, id, version_id, status, source, params, created_on, modified_on)
    values (?, ?, 'v', ?, 'binding', '{}', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')`)
  db.exec('begin')
  for (let n = 0; n < 999; n++) insert.run(id, `sleeps-${n}`, 'waiting')
  insert.run(id, 'paused', 'paused')
  insert.run(id, 'ended', 'complete')
  db.exec('commit')
  db.close()
  cloud = await start()
})
afterAll(async () => {
  await cloud?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

test('a workflow with 1000 instances that have not ended takes no more', async () => {
  const create = (instance_id: string) => cloud.call('POST', `${workflow}/instances`, { instance_id })
  const full = /1000 instances that have not ended/
  expect(await create('more')).toMatchObject({
    status: 400,
    code: 10203,
    message: expect.stringMatching(full),
  })
  expect((await cloud.call('GET', `${workflow}/instances/more`)).code).toBe(10201)
  expect((await create('paused')).code).toBe(10202)
  const restart = await cloud.call('PATCH', `${workflow}/instances/ended/status`, { status: 'restart' })
  expect(restart).toMatchObject({ code: 10203, message: expect.stringMatching(full) })
})

test('the instances of a workflow are counted by their status', async () => {
  const { instances } = (await cloud.call('GET', workflow)).result
  expect(instances).toEqual({ complete: 1, paused: 1, waiting: 999 })
  const page = await cloud.call('GET', `${workflow}/instances?status=waiting&per_page=2`)
  expect(page.result.map(({ id }: { id: string }) => id)).toEqual(['sleeps-998', 'sleeps-997'])
  expect(page.body.result_info.total_count).toBe(999)
})
