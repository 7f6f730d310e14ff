import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createTargets } from '../../../src/deployments/targets/targets.ts'
import { createVault } from '../../../src/deployments/targets/vault.ts'
import { createOutgoing } from '../../../src/platform/network/outgoing.ts'
import { createSecrets } from '../../../src/platform/secrets.ts'
import { accountId, token } from '../../local-cloud/harness.ts'
import { refusal } from '../cloudflare/fault-proxy.ts'
import { startWorld, type World } from '../harness.ts'

let world: World
beforeAll(async () => {
  // Nothing is configured: every environment gets its credentials by PUT.
  world = await startWorld({ env: { CLOUDFLARE_TARGET: undefined } as never })
})
beforeEach(async () => {
  world.proxy.reset()
  await world.ctx.db('cloudflare_credentials').delete()
})
afterAll(() => world.stop())

const path = (environment = 'staging') => `/deploy/environments/${environment}/credentials`
const good = { cloudflareApiToken: token, accountId }

describe('without a local cloud', () => {
  test('an environment without credentials is reported as not configured', async () => {
    const { data } = (await world.call(path())).json
    expect(data).toEqual({ environment: 'staging', configured: false, source: null, updatedAt: null })
  })
})

/** The application in a production-like setting whose API is the local cloud behind the proxy. */
async function remote(env: Record<string, string> = {}) {
  const base = `http://127.0.0.1:${world.proxy.port}/client/v4`
  return startWorld({ env: { CLOUDFLARE_TARGET: undefined, CLOUDFLARE_API_BASE_URL: base, ...env } as never })
}

describe('PUT', () => {
  let own: World
  beforeAll(async () => {
    own = await remote()
  })
  beforeEach(() => own.ctx.db('cloudflare_credentials').delete())
  afterAll(() => own.stop())

  test('verifies the credentials and stores them sealed; no response contains them', async () => {
    const put = await own.call(path(), { method: 'PUT', json: good })
    expect(put.status).toBe(200)
    expect(put.json.data).toMatchObject({
      environment: 'staging',
      configured: true,
      source: 'stored',
      permissions: { workers: true },
      accountInfo: { id: accountId },
    })
    const got = await own.call(path())
    expect(Object.keys(got.json.data)).toEqual(['environment', 'configured', 'source', 'updatedAt'])
    const rows = await own.ctx.db('cloudflare_credentials')
    expect(JSON.stringify(rows)).not.toContain(token)
    expect([put.text, got.text].join()).not.toContain(token)
    expect((await own.call(path('production'))).json.data.configured).toBe(false)
  })

  test.each([
    ['rejected', refusal(401, 1000, 'Invalid API Token'), /\/tokens\/verify$/, [401, 'AUTH_003']],
    ['of no use', refusal(403, 10000, 'Authentication error'), /\/scripts-search$/, [403, 'AUTH_004']],
    ['of another account', refusal(404, 7003, 'Could not route'), /^\/accounts\/\w+$/, [422, 'REQ_002']],
    ['not to be verified now', refusal(503, 10013, 'busy'), /\/tokens\/verify$/, [503, 'SYS_002']],
  ])('keeps what was there when the new ones are %s', async (_, fault, at, expected) => {
    await own.call(path(), { method: 'PUT', json: good })
    const [before] = await own.ctx.db('cloudflare_credentials')
    world.proxy.fault({ path: at, times: 9, fault })
    const { status, json } = await own.call(path(), {
      method: 'PUT',
      json: good,
    })
    expect([status, json.error.code]).toEqual(expected)
    expect(await own.ctx.db('cloudflare_credentials')).toEqual([before])
  })

  test('requires an administrator', async () => {
    const user = await own.api.signIn('a-user')
    const refused = await own.api.call(path(), { token: user, method: 'PUT', json: good })
    expect([refused.status, refused.json.error.code]).toEqual([403, 'ACCESS_003'])
  })

  test('an invalid account id is 422 and names its field', async () => {
    const { status, json } = await own.call(path(), { method: 'PUT', json: { ...good, accountId: 'x' } })
    expect([status, json.error.details.fields[0].path]).toEqual([422, 'accountId'])
  })

  test('overrides the environment variables until it is deleted', async () => {
    const other = await remote({
      CLOUDFLARE_API_TOKEN: `of-the-environment-${'y'.repeat(20)}`,
      CLOUDFLARE_ACCOUNT_ID: 'f'.repeat(32),
    })
    try {
      const source = async () => (await other.call(path())).json.data.source
      expect(await source()).toBe('environment')
      expect((await other.call(path(), { method: 'PUT', json: good })).status).toBe(200)
      expect(await source()).toBe('stored')
      expect((await other.prepare({ appName: 'stored' })).status).toBe(200)
      expect((await other.call(path(), { method: 'DELETE' })).json.data.source).toBe('environment')
      expect((await other.prepare({ appName: 'stored' })).status).toBe(424)
    } finally {
      await other.stop()
    }
  })
})

describe('replaced credentials', () => {
  test('are used by the next call of a running job once the old ones are rejected', async () => {
    const own = await remote()
    try {
      const { config, db, secrets } = own.ctx
      const vault = createVault(db, secrets)
      const dispatcher = createOutgoing()
      const localCredentials = () => Promise.reject(new Error('there is no local cloud'))
      const targets = createTargets({ config, db, vault, dispatcher, localCredentials })
      const old = { accountId, apiToken: `an-old-token-${'z'.repeat(30)}`, updatedBy: 'me' }
      await vault.put('staging', old)
      const target = await targets.of('staging')
      const signal = AbortSignal.timeout(10_000)
      await expect(target.cloud.scripts(signal)).rejects.toMatchObject({ code: 10000 })
      expect((await own.call(path(), { method: 'PUT', json: good })).status).toBe(200)
      expect(await target.cloud.scripts(signal)).toEqual(expect.any(Array))
      // Another process, or this one at its next step, begins with them.
      expect((await targets.of('staging')) === target).toBe(false)
      // What is rejected after that is not sent a third time.
      world.proxy.fault({ path: /\/scripts$/, times: 9, fault: refusal(403, 10000, 'Authentication error') })
      world.proxy.calls.length = 0
      await expect(target.cloud.scripts(signal)).rejects.toMatchObject({ code: 10000 })
      expect(world.proxy.calls).toHaveLength(1)
      await dispatcher.destroy()
    } finally {
      await own.stop()
    }
  })

  test('are opened with the previous key and resealed with the present one', async () => {
    const { db } = world.ctx
    const [first, second] = ['first-key-of-two-0123456789abcdefgh', 'second-key-of-two-0123456789abcdefg']
    await createVault(db, createSecrets(first)).put('staging', {
      accountId,
      apiToken: token,
      updatedBy: 'me',
    })
    const rotated = createVault(db, createSecrets(second, [first]))
    expect(await rotated.open('staging')).toEqual({ accountId, apiToken: token })
    await expect(createVault(db, createSecrets(second)).open('staging')).rejects.toMatchObject({
      code: 'STATE_003',
      retryable: false,
      options: { suggestedAction: expect.stringContaining('SECRET_KEY_PREVIOUS') },
    })
    const updatedAt = await rotated.updatedAt('staging')
    expect([await rotated.reseal(), await rotated.reseal()]).toEqual([1, 0])
    expect(await createVault(db, createSecrets(second)).open('staging')).toEqual({
      accountId,
      apiToken: token,
    })
    expect(await rotated.updatedAt('staging')).toEqual(updatedAt)
    await db('cloudflare_credentials').update({ environment: 'production' })
    await expect(rotated.open('production')).rejects.toMatchObject({ code: 'STATE_003' })
  })
})
