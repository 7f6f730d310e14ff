import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { drive, hello, startWorld, type World } from '../harness.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

const withClasses = (...names: string[]) => `
  import { DurableObject } from 'cloudflare:workers'
  ${names.map((name) => `export class ${name} extends DurableObject {}`).join('\n')}
  ${hello('classes')}`

describe('prepare', () => {
  test('responds as the contract requires, with the changes of the plan', async () => {
    const answer = await world.prepare({
      appName: 'chat',
      script: withClasses('ChatRoom'),
      durableObjects: ['ChatRoom'],
      environmentVars: { GREETING: 'hi' },
      secrets: { PASSWORD: 'sesame' },
    })
    expect(answer.status).toBe(200)
    expect(answer.json.success).toBe(true)
    expect(answer.json.data).toEqual({
      prepared: true,
      deploymentId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      checks: { resources: 'pass', quotas: 'pass', dependencies: 'pass' },
      estimatedCost: {
        monthly: 0,
        currency: 'USD',
        details: { asOf: expect.any(String), assumptions: [expect.any(String)], parts: {} },
      },
      plan: {
        digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        steps: expect.arrayContaining([{ step: 'deploy_worker', name: expect.any(String) }]),
        changes: [
          { kind: 'worker', name: 'chat-staging', action: 'create' },
          { kind: 'durable_object', name: 'ChatRoom', action: 'create' },
          { kind: 'variable', name: 'GREETING', action: 'create' },
          { kind: 'secret', name: 'PASSWORD', action: 'create' },
          { kind: 'binding', name: 'CHAT_ROOM', action: 'create' },
          { kind: 'setting', name: 'compatibility date 2026-07-01', action: 'create' },
          { kind: 'setting', name: 'compatibility flags nodejs_compat', action: 'create' },
          { kind: 'workers_dev', name: 'chat-staging', action: 'create' },
        ],
        addresses: {
          workersDev: true,
          previewUrls: false,
          healthCheck: expect.stringMatching(/^http:\/\/chat-staging\.localhost:\d+\/$/),
        },
        checkBeforeTraffic: { possible: false, reason: 'this is the first deployment', proof: null },
        quarantined: false,
      },
      reversible: { value: true, reasons: [] },
      expiresAt: expect.stringMatching(/Z$/),
    })
    expect(answer.json.data.plan.steps).toHaveLength(8)
    const life = new Date(answer.json.data.expiresAt).getTime() - Date.now()
    expect(life).toBeGreaterThan(3_590_000)
    expect(life).toBeLessThanOrEqual(3_600_000)
  })

  test('changes nothing at the cloud', async () => {
    await world.planned({ appName: 'untouched' })
    expect(world.proxy.calls.length).toBeGreaterThan(0)
    expect(world.proxy.calls.every((call) => call.method === 'GET')).toBe(true)
  })

  test('gives equal content the same digest, and every plan its own id', async () => {
    const [one, two] = [await world.prepare({ appName: 'same' }), await world.prepare({ appName: 'same' })]
    expect(one.json.data.plan.digest).toBe(two.json.data.plan.digest)
    expect(one.json.data.deploymentId).not.toBe(two.json.data.deploymentId)
  })

  test('repeats its response for the same Idempotency-Key and refuses the key for another body', async () => {
    const json = { environment: 'staging', config: { appName: 'once', script: hello('x') } }
    const headers = { 'idempotency-key': 'prepare-once' }
    const first = await world.call('/deploy/prepare', { json, headers })
    const again = await world.call('/deploy/prepare', { json, headers })
    expect(again.status).toBe(200)
    expect(again.json.data).toEqual(first.json.data)
    expect(await world.ctx.db('plans').where({ app: 'once' })).toHaveLength(1)
    const other = await world.call('/deploy/prepare', {
      json: { ...json, environment: 'production' },
      headers,
    })
    expect([other.status, other.json.error.code]).toEqual([422, 'REQ_006'])
  })
})

describe('secrets', () => {
  test('are sealed in the row and shown nowhere', async () => {
    const secret = 'a-very-secret-value-0123456789'
    const prepared = await world.prepare({ appName: 'vault', secrets: { PASSWORD: secret } })
    const id = prepared.json.data.deploymentId
    const row = await world.ctx.db('plans').where({ id }).first()
    const started = await world.deploy(id)
    const worker = await world.worker()
    await drive(world, worker, id)
    expect((await world.get('vault-staging')).status).toBe(200)
    const shown = [
      prepared.text,
      started.text,
      JSON.stringify(row),
      JSON.stringify(await world.status(id)),
      JSON.stringify(await world.logs(id)),
      (await world.call('/deploy?app=vault')).text,
      (await world.call(`/jobs?subject=deployment:${id}`)).text,
      JSON.stringify(await world.ctx.db('jobs').where({ subject: `deployment:${id}` })),
      JSON.stringify(await world.ctx.db('events').where({ stream: `deployment:${id}` })),
    ].join('\n')
    for (const form of [secret, Buffer.from(secret).toString('base64').slice(0, 20)]) {
      expect(shown).not.toContain(form)
    }
    expect(row.secrets.PASSWORD).toMatch(/^v1\./)
    const [upload] = world.proxy.made('PUT', /scripts\/vault-staging$/)
    expect(upload?.body.metadata.bindings).toEqual([{ type: 'secret_text', name: 'PASSWORD', text: secret }])
  })
})

test('a plan that removes a variable, a secret and a binding is reversible: a rollback restores all three', async () => {
  const variables = { environmentVars: { MODE: 'a' }, secrets: { TOKEN: 'b' } }
  const id = await world.started({ appName: 'removing', script: hello('one'), ...variables })
  await drive(world, await world.worker('beside'), id)
  await world.put('removing-staging', {
    bindings: [
      { type: 'inherit', name: 'MODE' },
      { type: 'inherit', name: 'TOKEN' },
      { type: 'json', name: 'LIMITS', json: { most: 3 } },
    ],
  })
  const { data } = (
    await world.prepare({ appName: 'removing', script: hello('two'), deleteSecrets: ['TOKEN'] })
  ).json
  const removed = data.plan.changes.filter(({ action }: { action: string }) => action === 'delete')
  expect(removed.map(({ name }: { name: string }) => name).toSorted()).toEqual(['LIMITS', 'MODE', 'TOKEN'])
  expect(data.reversible).toEqual({ value: true, reasons: [] })
})

describe('existing Durable Object classes', () => {
  const base = {
    appName: 'classes',
    script: withClasses('ChatRoom', 'Lobby'),
    durableObjects: ['ChatRoom', 'Lobby'],
  }

  beforeAll(async () => {
    const id = await world.started(base)
    await drive(world, await world.worker('beside'), id)
    expect((await world.status(id)).status).toBe('completed')
  })

  test('are kept, and the deployment is reversible', async () => {
    const { data } = (await world.prepare(base)).json
    expect(data.plan.changes).toContainEqual({ kind: 'worker', name: 'classes-staging', action: 'replace' })
    expect(data.plan.changes).toContainEqual({ kind: 'durable_object', name: 'Lobby', action: 'keep' })
    expect(data.plan.changes).toContainEqual({ kind: 'binding', name: 'LOBBY', action: 'keep' })
    expect(data.reversible).toEqual({ value: true, reasons: [] })
  })

  test('are never deleted by omission: the refusal names the field to use', async () => {
    const answer = await world.prepare({ ...base, durableObjects: ['ChatRoom'] })
    expect([answer.status, answer.json.error.code]).toEqual([400, 'REQ_002'])
    const [field] = answer.json.error.details.fields
    expect(field.path).toBe('config.durableObjects')
    expect(field.problem).toMatch(/Lobby.*list it here.*migrations\.deletedClasses/)
  })

  test('are deleted if the plan lists them, which is irreversible', async () => {
    const migrations = { deletedClasses: ['Lobby'] }
    const { data } = (await world.prepare({ ...base, durableObjects: ['ChatRoom'], migrations })).json
    expect(data.plan.changes).toContainEqual({ kind: 'durable_object', name: 'Lobby', action: 'delete' })
    expect(data.reversible).toEqual({ value: false, reasons: ['deletes the class Lobby and its data'] })
  })

  test('are renamed if the plan lists them, which is irreversible', async () => {
    const migrations = { renamedClasses: [{ from: 'Lobby', to: 'Hall' }] }
    const durableObjects = ['ChatRoom', 'Hall']
    const { data } = (await world.prepare({ ...base, durableObjects, migrations })).json
    expect(data.plan.changes).toContainEqual({ kind: 'durable_object', name: 'Hall', action: 'rename' })
    expect(data.reversible.value).toBe(false)
    expect(data.reversible.reasons).toHaveLength(1)
  })

  test('are extended by a migration, which is irreversible', async () => {
    const script = withClasses('ChatRoom', 'Lobby', 'Cellar')
    const { data } = (
      await world.prepare({ ...base, script, durableObjects: ['ChatRoom', 'Lobby', 'Cellar'] })
    ).json
    expect(data.plan.changes).toContainEqual({ kind: 'durable_object', name: 'Cellar', action: 'create' })
    expect(data.reversible.value).toBe(false)
  })

  test.each([
    [
      'a rename from a class that is not there',
      {
        durableObjects: ['ChatRoom', 'Lobby', 'Hall'],
        migrations: { renamedClasses: [{ from: 'Attic', to: 'Hall' }] },
      },
      'config.migrations.renamedClasses',
    ],
    [
      'a rename to a class that is not listed',
      { durableObjects: ['ChatRoom'], migrations: { renamedClasses: [{ from: 'Lobby', to: 'Hall' }] } },
      'config.durableObjects',
    ],
    [
      'a deletion of a class that is listed',
      { migrations: { deletedClasses: ['Lobby'] } },
      'config.migrations.deletedClasses',
    ],
  ])('%s is refused', async (_, config, path) => {
    const answer = await world.prepare({ ...base, ...config })
    expect(answer.status).toBe(400)
    expect(answer.json.error.details.fields.map((field: { path: string }) => field.path)).toEqual([path])
  })

  test('do not exist in the other environment', async () => {
    const { data } = (await world.prepare({ ...base, durableObjects: [] }, 'production')).json
    expect(data.plan.changes).toEqual([
      { kind: 'worker', name: 'classes', action: 'create' },
      { kind: 'setting', name: 'compatibility date 2026-07-01', action: 'create' },
      { kind: 'setting', name: 'compatibility flags nodejs_compat', action: 'create' },
      { kind: 'workers_dev', name: 'classes', action: 'create' },
    ])
  })
})
