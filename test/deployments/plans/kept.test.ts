import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { drive, startWorld, type World } from '../harness.ts'

vi.setConfig({ testTimeout: 120_000 })

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

/** Answers with everything that is bound to it. */
const telling = (text: string, exported = '') => `
  import { DurableObject } from 'cloudflare:workers'
  ${exported}
  export default { fetch: (_, env) => Response.json({ text: '${text}', ...env }) }`

async function run(appName: string, text: string, config: object = {}): Promise<string> {
  const id = await world.started({ appName, script: telling(text), ...config })
  await drive(world, worker, id)
  return id
}

async function deployed(appName: string, text: string, config: object = {}): Promise<string> {
  const id = await run(appName, text, config)
  expect((await world.status(id)).status, await world.messages(id)).toBe('completed')
  return id
}

const answerOf = async (script: string) => JSON.parse((await world.get(script)).text)
const flags = async (script: string) => (await world.script('GET', `${script}/subdomain`)).result
const secret = (name: string, text: string) => ({ name, text, type: 'secret_text' })

describe('a secret that a plan does not contain', () => {
  test('is kept regardless of who set it, and listed as kept', async () => {
    await deployed('keeps', 'one', { secrets: { OURS: 'a' } })
    await world.script('PUT', 'keeps-staging/secrets', secret('THEIRS', 'b'))
    const prepared = (await world.prepare({ appName: 'keeps', script: telling('two') })).json.data
    for (const name of ['OURS', 'THEIRS']) {
      expect(prepared.plan.changes).toContainEqual({ kind: 'secret', name, action: 'keep' })
    }
    await world.deploy(prepared.deploymentId)
    await drive(world, worker, prepared.deploymentId)
    expect(await answerOf('keeps-staging')).toEqual({ text: 'two', OURS: 'a', THEIRS: 'b' })
    const [upload] = world.proxy.made('POST', /keeps-staging\/versions$/)
    expect(upload?.body.metadata.keep_bindings).toEqual(['secret_text', 'secret_key'])
  })

  test("is kept by an upload of the whole script, and so are the script's settings", async () => {
    await deployed('whole', 'one', { secrets: { KEY: 'a' } })
    await world.script('PATCH', 'whole-staging/script-settings', { logpush: true, tags: ['team'] })
    const exported = 'export class Room extends DurableObject {}'
    await deployed('whole', 'two', { script: telling('two', exported), durableObjects: ['Room'] })
    expect(await answerOf('whole-staging')).toMatchObject({ text: 'two', KEY: 'a' })
    const { result } = await world.script('GET', 'whole-staging/script-settings')
    expect(result).toMatchObject({ logpush: true, tags: ['team'] })
  })

  test('keeps the value of the serving version, not of a rolled-back one', async () => {
    await deployed('back', 'one', { secrets: { KEY: 'good' } })
    const bad = await deployed('back', 'two', { secrets: { KEY: 'bad', OTHER: 'bad' } })
    await world.call(`/deploy/${bad}/rollback`, { json: {} })
    await drive(world, worker, bad)
    await deployed('back', 'three')
    expect(await answerOf('back-staging')).toEqual({ text: 'three', KEY: 'good' })
  })

  test('is not replaced by a variable or a class of the same name', async () => {
    await deployed('named', 'one', { secrets: { ROOM: 'a' } })
    const variable = await world.prepare({ appName: 'named', environmentVars: { ROOM: 'x' } })
    expect([variable.status, variable.json.error.details.fields[0].path]).toEqual([
      400,
      'config.environmentVars.ROOM',
    ])
    const script = telling('two', 'export class Room extends DurableObject {}')
    const bound = await world.prepare({ appName: 'named', script, durableObjects: ['Room'] })
    expect([bound.status, bound.json.error.details.fields[0].path]).toEqual([400, 'config.durableObjects'])
    const named = { environmentVars: { ROOM: 'x' }, deleteSecrets: ['ROOM'] }
    const prepared = (await world.prepare({ appName: 'named', script: telling('two'), ...named })).json.data
    expect(prepared.plan.changes).toEqual(
      expect.arrayContaining([
        { kind: 'variable', name: 'ROOM', action: 'create' },
        { kind: 'secret', name: 'ROOM', action: 'delete' },
      ]),
    )
  })
})

describe('a secret that a plan deletes by name', () => {
  test('is deleted, and no other secret is', async () => {
    await deployed('deletes', 'one', { secrets: { GOES: 'a', STAYS: 'b' } })
    const config = { appName: 'deletes', script: telling('two'), deleteSecrets: ['GOES'] }
    const prepared = (await world.prepare(config)).json.data
    expect(prepared.plan.changes).toContainEqual({ kind: 'secret', name: 'GOES', action: 'delete' })
    expect(prepared.plan.changes).toContainEqual({ kind: 'secret', name: 'STAYS', action: 'keep' })
    await world.deploy(prepared.deploymentId)
    await drive(world, worker, prepared.deploymentId)
    expect(await answerOf('deletes-staging')).toEqual({ text: 'two', STAYS: 'b' })
  })

  test.each([
    ['is not there', { deleteSecrets: ['NONE'] }],
    ['is set as well', { deleteSecrets: ['KEY'], secrets: { KEY: 'x' } }],
    ['is named twice', { deleteSecrets: ['KEY', 'KEY'] }],
  ])('and that %s is refused with its field', async (_, config) => {
    const answer = await world.prepare({ appName: 'refused', ...config })
    expect([answer.status, answer.json.error.details.fields[0].path]).toEqual([400, 'config.deleteSecrets'])
  })
})

describe('the public addresses', () => {
  test('of a new app are stored in its plan', async () => {
    const id = await deployed('fresh', 'one')
    const { preview } = await world.ctx.db('plans').where({ id }).first('preview')
    expect(preview.publication).toEqual({ workersDev: true, previewUrls: false })
    expect(await flags('fresh-staging')).toEqual({ enabled: true, previews_enabled: false })
  })

  test("stay disabled, and the health check uses the app's own host name", async () => {
    const hostnames = ['shop.example.test']
    await deployed('own', 'one', { hostnames })
    await world.script('POST', 'own-staging/subdomain', { enabled: false, previews_enabled: false })
    const prepared = (await world.prepare({ appName: 'own', script: telling('two') })).json.data
    expect(prepared.plan.changes.map(({ kind }: { kind: string }) => kind)).toEqual(['worker'])
    expect(prepared.plan.addresses).toMatchObject({
      workersDev: false,
      healthCheck: expect.stringContaining('shop.example.test'),
    })
    await world.deploy(prepared.deploymentId)
    await drive(world, worker, prepared.deploymentId)
    expect((await world.status(prepared.deploymentId)).status).toBe('completed')
    expect(await flags('own-staging')).toEqual({ enabled: false, previews_enabled: false })
    expect((await world.get('own-staging')).status).toBe(404)
    expect(await world.messages(prepared.deploymentId)).toContain('shop.example.test')
    expect((await world.status(prepared.deploymentId)).urls.staging).toContain('shop.example.test')
  })

  test('that include only a host name are checked there: a broken version is rolled back', async () => {
    await deployed('hidden', 'one', { hostnames: ['hidden.example.test'], workersDev: false })
    expect(await flags('hidden-staging')).toEqual({ enabled: false, previews_enabled: false })
    const script = `export default { fetch: () => new Response('broken', { status: 500 }) }`
    const id = await run('hidden', 'two', { script, healthCheck: { timeoutSeconds: 1 } })
    expect((await world.status(id)).status).toBe('rolled_back')
  })

  test('that do not exist are logged, and the health check is skipped', async () => {
    await deployed('closed', 'one')
    await world.script('POST', 'closed-staging/subdomain', { enabled: false })
    const prepared = (await world.prepare({ appName: 'closed', script: telling('two') })).json.data
    expect(prepared.plan.addresses.healthCheck).toBeNull()
    await world.deploy(prepared.deploymentId)
    await drive(world, worker, prepared.deploymentId)
    const { status, completedSteps, urls } = await world.status(prepared.deploymentId)
    expect([status, urls.staging]).toEqual(['completed', null])
    expect(completedSteps.at(-1)).toMatchObject({ step: 'health_check', skipped: true })
    expect(await world.messages(prepared.deploymentId)).toContain('has no public address')
  })

  test.each([
    [{ workersDev: false }, { kind: 'workers_dev', action: 'delete' }],
    [{ previewUrls: true }, { kind: 'preview_urls', action: 'create' }],
  ])('change as the plan says, which its changes show: %o', async (config, change) => {
    const app = Object.keys(config)[0]?.toLowerCase() ?? ''
    await deployed(app, 'one')
    const prepared = (await world.prepare({ appName: app, script: telling('two'), ...config })).json.data
    expect(prepared.plan.changes).toContainEqual({ ...change, name: `${app}-staging` })
    const before = await flags(`${app}-staging`)
    await world.deploy(prepared.deploymentId)
    await drive(world, worker, prepared.deploymentId)
    expect(await flags(`${app}-staging`)).not.toEqual(before)
    await world.call(`/deploy/${prepared.deploymentId}/rollback`, { json: {} })
    await drive(world, worker, prepared.deploymentId)
    expect(await flags(`${app}-staging`)).toEqual(before)
  })
})
