import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { drive, startWorld, type World } from '../harness.ts'

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  // The databases are those of workerd.
  world = await startWorld({ workerd: true })
  worker = await world.worker()
})
afterAll(() => world?.stop())

const files = {
  '0001_visits.sql': 'CREATE TABLE visits (id INTEGER PRIMARY KEY, page TEXT)',
  '0002_first.sql': "INSERT INTO visits (page) VALUES ('first; -- visit');",
}
const bad = { '0003_bad.sql': 'CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1);' }

const code = (text: string) => `export default {
  async fetch(request, env) {
    const { n } = await env.DB.prepare('SELECT count(*) AS n FROM visits').first()
    await env.CACHE.put('text', '${text}')
    return new Response([await env.CACHE.get('text'), n, env.LIMITS.most].join(' '))
  },
}`

async function configOf(text: string, given: Record<string, string>) {
  const sent = Object.entries({ 'index.js': code(text), ...given }).map(async ([name, content]) => {
    const digest = createHash('sha256').update(content).digest('hex')
    const headers = { 'content-type': 'application/octet-stream' }
    const answer = await world.api.call(`/deploy/blobs/${digest}`, {
      ...{ method: 'PUT', raw: content, headers, token: world.admin },
    })
    expect(answer.status).toBe(201)
    return { name, digest }
  })
  const [main, ...migrations] = await Promise.all(sent)
  return {
    ...{ appName: 'shop', script: undefined, modules: [{ ...main, type: 'esm' }] },
    bindings: [
      { type: 'kv_namespace', name: 'CACHE', provision: { name: 'shop-cache', create: true } },
      { type: 'd1', name: 'DB', provision: { name: 'shop-db', create: true } },
      { type: 'json', name: 'LIMITS', json: { most: 3 } },
    ],
    databases: [{ binding: 'DB', files: migrations }],
  }
}

async function deployed(config: Awaited<ReturnType<typeof configOf>>) {
  const id = await world.started(config, { maxRetries: 0 })
  await drive(world, worker, id)
  return { id, ...(await world.status(id)) }
}
const changesOf = async (config: Awaited<ReturnType<typeof configOf>>) => {
  const { data } = (await world.prepare(config)).json
  const changes: { action: string; kind: string; name: string }[] = data.plan.changes
  return { data, lines: changes.map(({ action, kind, name }) => `${action} ${kind} ${name}`) }
}

test('a project gets its resources and migrations, which the next deployment finds', async () => {
  const config = await configOf('one', files)
  const first = await changesOf(config)
  expect(first.lines).toEqual(
    expect.arrayContaining([
      ...['create kv_namespace shop-cache', 'create d1 shop-db', 'create kv_namespace CACHE'],
      ...['create d1_migration 0001_visits.sql', 'create d1_migration 0002_first.sql'],
    ]),
  )
  expect(first.data.plan.steps.map(({ step }: { step: string }) => step)).toEqual(
    expect.arrayContaining(['provision_resources', 'migrate_database']),
  )
  const done = await deployed(config)
  expect(done.status, await world.messages(done.id)).toBe('completed')
  expect(done.progress).toEqual({ current: 10, total: 10, percentage: 100 })
  expect((await world.get('shop-staging')).text).toBe('one 1 3')

  const second = await changesOf(await configOf('two', files))
  expect(second.lines).toEqual(
    expect.arrayContaining(['keep kv_namespace CACHE', 'keep d1 DB', 'keep variable LIMITS']),
  )
  expect(second.lines.filter((line) => line.includes('d1_migration') || line.includes('shop-'))).toEqual([
    'replace worker shop-staging',
  ])
})

test('a migration that fails leaves the old version serving, and its bookmark in the log', async () => {
  const failed = await deployed(await configOf('three', { ...files, ...bad }))
  expect([failed.status, failed.currentStep.step, failed.error.code]).toEqual([
    ...['failed', 'migrate_database', 'DEPLOY_001'],
  ])
  expect((await world.get('shop-staging')).text).toBe('one 1 3')
  expect(await world.messages(failed.id)).toContain('the bookmark before the migrations is')
})
