import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { requireOwnResources } from '../../../src/deployments/actions/own-resources.ts'
import { prepareBody } from '../../../src/deployments/model/schema.ts'
import type { Answer } from '../../helpers/api.ts'
import { type Fault, refusal } from '../cloudflare/fault-proxy.ts'
import { hello, startWorld, type World } from '../harness.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

const planted = 'planted-value-that-no-answer-may-echo'
const script = hello('x')
const esm = { name: 'a.js', type: 'esm', content: '' }

const pathsOf = (answer: Answer) =>
  answer.json.error.details.fields.map((field: { path: string }) => field.path).sort()

describe('an invalid body is refused with every field and without values', () => {
  test.each<[string, unknown, string[]]>([
    ['nothing', {}, ['config', 'environment']],
    ['another environment', { environment: planted, config: { appName: 'a', script } }, ['environment']],
    [
      'unknown fields',
      { environment: 'staging', config: { appName: 'a', script, [planted.slice(0, 7)]: planted }, extra: 1 },
      ['config.planted', 'extra'],
    ],
    [
      'unknown fields inside',
      {
        environment: 'staging',
        config: { appName: 'a', script, healthCheck: { url: planted }, migrations: { dropped: [] } },
      },
      ['config.healthCheck.url', 'config.migrations.dropped'],
    ],
    [
      'a bad name',
      { environment: 'staging', config: { appName: `${planted}_`, script } },
      ['config.appName'],
    ],
    [
      'a name that means staging',
      { environment: 'staging', config: { appName: 'chat-staging', script } },
      ['config.appName'],
    ],
    ['no code', { environment: 'staging', config: { appName: 'a' } }, ['config']],
    [
      'code twice',
      { environment: 'staging', config: { appName: 'a', script, modules: [esm] } },
      ['config.modules'],
    ],
    [
      'a main module that is none',
      { environment: 'staging', config: { appName: 'a', modules: [{ ...esm, type: 'text' }] } },
      ['config.modules.0.type'],
    ],
    [
      'one module twice',
      { environment: 'staging', config: { appName: 'a', modules: [esm, esm] } },
      ['config.modules.1.name'],
    ],
    [
      'a module outside',
      { environment: 'staging', config: { appName: 'a', modules: [{ ...esm, name: 'a/../../b' }] } },
      ['config.modules.0.name'],
    ],
    [
      'content that is not base64',
      { environment: 'staging', config: { appName: 'a', modules: [{ ...esm, content: `${planted}!` }] } },
      ['config.modules.0.content'],
    ],
    [
      'a class that is no identifier',
      { environment: 'staging', config: { appName: 'a', script, durableObjects: ['a b'] } },
      ['config.durableObjects.0'],
    ],
    [
      'a class twice',
      { environment: 'staging', config: { appName: 'a', script, durableObjects: ['A', 'A'] } },
      ['config.durableObjects'],
    ],
    [
      'a variable too long',
      {
        environment: 'staging',
        config: { appName: 'a', script, environmentVars: { V: planted.repeat(200) } },
      },
      ['config.environmentVars.V'],
    ],
    [
      'a secret that is no text',
      { environment: 'staging', config: { appName: 'a', script, secrets: { S: 1 } } },
      ['config.secrets.S'],
    ],
    [
      'colliding bindings',
      {
        environment: 'staging',
        config: { appName: 'a', script, durableObjects: ['Room'], secrets: { ROOM: planted } },
      },
      ['config.secrets.ROOM'],
    ],
    [
      'a health path without /',
      { environment: 'staging', config: { appName: 'a', script, healthCheck: { path: planted } } },
      ['config.healthCheck.path'],
    ],
    [
      'a health check without end',
      { environment: 'staging', config: { appName: 'a', script, healthCheck: { timeoutSeconds: 901 } } },
      ['config.healthCheck.timeoutSeconds'],
    ],
  ])('%s', async (_, json, paths) => {
    const answer = await world.call('/deploy/prepare', { json })
    expect([answer.status, answer.json.error.code]).toEqual([400, 'REQ_002'])
    expect(pathsOf(answer)).toEqual(paths)
    expect(answer.text).not.toContain(planted)
    expect(answer.json.error).toMatchObject({ retryable: false, suggestedAction: expect.any(String) })
    expect(answer.json.error.details.correlationId).toBe(answer.headers.get('x-request-id'))
    expect(world.proxy.calls).toEqual([])
  })

  test('broken JSON is 400, another media type 415, more than 16 MiB 413', async () => {
    const json = { 'content-type': 'application/json' }
    const broken = await world.call('/deploy/prepare', { raw: '{', headers: json })
    expect([broken.status, broken.json.error.code]).toEqual([400, 'REQ_001'])
    const xml = await world.call('/deploy/prepare', { raw: '<a/>', headers: { 'content-type': 'text/xml' } })
    expect([xml.status, xml.json.error.code]).toEqual([415, 'REQ_005'])
    const large = await world.call('/deploy/prepare', {
      raw: JSON.stringify('a'.repeat(17 << 20)),
      headers: json,
    })
    expect([large.status, large.json.error.code]).toEqual([413, 'REQ_004'])
  })
})

describe('a failed check is named in the error', () => {
  test('a full account is 402', async () => {
    const result = Array.from({ length: 500 }, (_, index) => ({ id: `worker-${index}` }))
    const body = JSON.stringify({ success: true, errors: [], messages: [], result })
    world.proxy.fault({ path: /\/scripts$/, fault: { kind: 'answer', status: 200, body } })
    const answer = await world.prepare({ appName: 'one-more' })
    expect([answer.status, answer.json.error.code]).toEqual([402, 'STATE_004'])
    expect(answer.json.error.details.checks).toEqual({
      resources: 'pass',
      quotas: 'fail',
      dependencies: 'pass',
    })
    world.proxy.fault({ path: /\/scripts$/, fault: { kind: 'answer', status: 200, body } })
    expect((await world.prepare({ appName: 'worker-7' }, 'production')).status).toBe(200)
  })

  const unusable: [string, Fault][] = [
    ['does not answer', { kind: 'drop' }],
    ['answers something else', { kind: 'answer', status: 200, body: '<html>' }],
    ['refuses the token', refusal(401, 10000, 'Authentication error')],
    ['does not know the account', refusal(404, 7003, 'Could not route')],
  ]
  test.each(unusable)('a target that %s is 424', async (_, fault) => {
    world.proxy.decide(() => fault)
    const answer = await world.prepare({ appName: 'nowhere' })
    expect([answer.status, answer.json.error.code]).toEqual([424, 'STATE_003'])
    expect(answer.json.error.details.checks.dependencies).toBe('fail')
    expect(answer.json.error.retryable).toBe(true)
    expect(await world.ctx.db('plans').where({ app: 'nowhere' })).toEqual([])
  })

  test('an environment without credentials is 424 with the settings to set', async () => {
    const bare = await startWorld({ env: { CLOUDFLARE_TARGET: undefined } as never })
    try {
      const answer = await bare.prepare({ appName: 'nowhere' })
      expect([answer.status, answer.json.error.code]).toEqual([424, 'STATE_003'])
      expect(answer.json.error).toMatchObject({
        retryable: false,
        details: { environment: 'staging', checks: { dependencies: 'fail' } },
        suggestedAction: expect.stringContaining('CLOUDFLARE_API_TOKEN'),
      })
    } finally {
      await bare.stop()
    }
  })
})

describe('permissions', () => {
  const json = { environment: 'production', config: { appName: 'mine', script } }

  test('a caller without credentials and a user without a deploy permission are refused', async () => {
    const stranger = await world.api.call('/deploy/prepare', { json })
    expect([stranger.status, stranger.json.error.code]).toEqual([401, 'ACCESS_001'])
    const user = await world.api.signIn('a-user')
    const refused = await world.api.call('/deploy/prepare', { token: user, json })
    expect([refused.status, refused.json.error.code]).toEqual([403, 'ACCESS_003'])
    expect((await world.api.call('/deploy', { token: user })).status).toBe(200)
  })

  test('each environment needs its own permission, which the refusal names', async () => {
    const scopes = ['deployments:write:staging', 'deployments:read']
    const made = await world.call('/api/v1/auth/tokens', { json: { name: 'ci', scopes } })
    const token = made.json.token
    const refused = await world.api.call('/deploy/prepare', { token, json })
    expect([refused.status, refused.json.error.code]).toEqual([403, 'ACCESS_003'])
    expect(refused.json.error.details).toMatchObject({
      environment: 'production',
      permission: 'deployments:write:production',
    })
    const staging = await world.api.call('/deploy/prepare', {
      token,
      json: { ...json, environment: 'staging' },
    })
    expect(staging.status).toBe(200)
    // A plan that somebody else made for production can't be started with it either.
    const deploymentId = await world.planned({ appName: 'mine' }, 'production')
    const started = await world.api.call('/deploy', {
      token,
      json: { deploymentId, environment: 'production' },
    })
    expect([started.status, started.json.error.details.environment]).toEqual([403, 'production'])
  })

  test('the resources and Workers of an environment need its permission, also from the other one', async () => {
    const files = (name: string) => ({ type: 'r2_bucket', name: 'FILES', provision: { name, create: true } })
    await world.started({ appName: 'vault', script, bindings: [files('vault-files')] }, {}, 'production')
    const scopes = ['deployments:write:staging', 'deployments:read']
    const { token } = (await world.call('/api/v1/auth/tokens', { json: { name: 'ci', scopes } })).json
    const prepare = (binding: object) =>
      world.api.call('/deploy/prepare', {
        token,
        json: { environment: 'staging', config: { appName: 'thief', script, bindings: [binding] } },
      })
    for (const binding of [
      files('vault-files'),
      { type: 'r2_bucket', name: 'FILES', bucket_name: 'vault-files' },
      { type: 'service', name: 'VAULT', service: 'vault' },
      { type: 'durable_object_namespace', name: 'ROOM', class_name: 'Room', script_name: 'vault' },
    ]) {
      const refused = await prepare(binding)
      expect([binding, refused.status]).toEqual([binding, 403])
      expect(refused.json.error.details).toMatchObject({
        environment: 'production',
        permission: 'deployments:write:production',
        bindings: [binding.name],
      })
    }
    expect((await prepare(files('thief-files'))).status).toBe(200)
  })

  test('an environment whose account is unknown counts as sharing it', async () => {
    const { config } = prepareBody.parse({
      environment: 'staging',
      config: { appName: 'thief', script, bindings: [{ type: 'service', name: 'VAULT', service: 'vault' }] },
    })
    const caller = {
      kind: 'api-token' as const,
      id: 'token-1',
      name: 'ci',
      isAdmin: false,
      permissions: new Set(['deployments:write:staging'] as const),
      rateLimit: { perSecond: 10, burst: 20 },
      stillValid: async () => true,
    }
    const check = (source: 'stored' | undefined, account: () => Promise<{ accountId: string }>) =>
      requireOwnResources(
        { db: world.ctx.db, targets: { sourceOf: async () => source, of: account } },
        caller,
        { environment: 'staging', config, target: { accountId: 'a' } },
      )
    const unreadable = () => Promise.reject(new Error('no key opens the credentials'))
    await expect(check(undefined, unreadable)).rejects.toThrow('VAULT: belongs to production')
    await expect(check('stored', unreadable)).rejects.toThrow('no key opens')
    await expect(check('stored', async () => ({ accountId: 'a' }))).rejects.toThrow('belongs to production')
    await expect(check('stored', async () => ({ accountId: 'b' }))).resolves.toBeUndefined()
  })
})
