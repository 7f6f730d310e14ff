import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { localCloudCredentials } from '../../src/local-cloud/index.ts'
import { runCommand, type Stack, startStack } from '../helpers/stack.ts'
import { type Api, type Ended, saying, signIn, visit } from './support/client.ts'
import { type OwnRedis, startOwnRedis } from './support/own-redis.ts'
import { dumpDatabase, searchFiles, secretsIn } from './support/search.ts'

// Real processes start and end in these tests, which takes long on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

const canary = (name: string) => `canary-${name}-${randomBytes(12).toString('hex')}`

/** An app that leaks its secret in its answer and in its log. */
const careless = (text: string) => `
export default {
  async fetch(request, env) {
    console.log('the key is ' + env.APP_KEY)
    console.error(new Error(env.APP_KEY))
    if (new URL(request.url).pathname === '/throw') throw new Error('no luck with ' + env.APP_KEY)
    return new Response(${JSON.stringify(text)} + ' ' + env.APP_KEY)
  }
}`

interface Variant {
  name: string
  redis: boolean
  /** Keys from the environment are stored nowhere; otherwise they are generated, and each is stored in its own file. */
  keys: Record<string, string>
}

const variants: Variant[] = [
  { name: 'the queue on PostgreSQL and generated keys', redis: false, keys: {} },
  {
    name: 'the queue on Redis and keys from the environment',
    redis: true,
    keys: { SECRET_KEY: canary('secret-key'), LOCAL_CLOUD_TOKEN: canary('cloud-token') },
  },
]

test('the search finds a secret in every encoding', () => {
  const secret = canary('control')
  for (const before of ['', 'a', 'ab', 'abc']) {
    const bytes = Buffer.from(`${before}${secret}after`)
    for (const form of ['utf8', 'hex', 'base64', 'base64url'] as const) {
      expect(secretsIn(bytes.toString(form), { control: secret })).toEqual(['control'])
    }
  }
})

describe.each(variants)('with $name', ({ redis: onRedis, keys }) => {
  const secrets: Record<string, string> = {
    ...keys,
    'app secret': canary('app-secret'),
    'admin password': canary('admin-password'),
    'environment variable': canary('environment'),
    'typed password': canary('typed-password'),
    'typed user name': canary('typed-name'),
  }
  let stack: Stack
  let api: Api
  let redis: OwnRedis | undefined
  const skipped = onRedis && inject('redisUrl') === undefined

  beforeAll(async () => {
    if (skipped) return
    redis = onRedis ? await startOwnRedis() : undefined
    const env = {
      ...keys,
      ADMIN_PASSWORD: secrets['admin password'] ?? '',
      CANARY: secrets['environment variable'] ?? '',
      // The most verbose level.
      LOG_LEVEL: 'debug',
      ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    }
    stack = await startStack({ env })
    api = await signIn(stack, secrets['admin password'])
  })

  afterAll(async () => {
    await stack?.dispose()
    await redis?.dispose()
  })

  const seen: string[] = []
  /** Checks answers that must not contain a secret. */
  async function look(path: string) {
    const answer = await api.call(path, { headers: { accept: 'application/json' } })
    expect([path, answer.status]).toEqual([path, 200])
    seen.push(answer.text)
  }

  test.skipIf(skipped)('setup: completed, failed and rolled back deployments', async () => {
    const about = { secrets: { APP_KEY: secrets['app secret'] } }
    const ended: Ended[] = []
    ended.push(await api.deploy({ app: 'careless', script: careless('one'), config: about }))
    const healthCheck = { path: '/throw', timeoutSeconds: 1 }
    ended.push(
      await api.deploy({ app: 'careless', script: careless('two'), config: { ...about, healthCheck } }),
    )
    ended.push(await api.deploy({ app: 'careless', script: `${careless('three')}}`, config: about }))
    ended.push(await api.deploy({ app: 'new', script: careless('four'), config: { ...about, healthCheck } }))
    expect(ended.map((each) => each.status)).toEqual(['completed', 'rolled_back', 'failed', 'rolled_back'])
    expect((await visit(stack, 'careless-staging')).text).toBe(`one ${secrets['app secret']}`)

    const headers = { 'idempotency-key': 'with-a-secret' }
    const config = { appName: 'careless', script: saying('x'), ...about }
    await api.call('/deploy/prepare', { json: { environment: 'staging', config }, headers })
    const wrong = { ...config, secrets: { 'BAD-NAME': secrets['app secret'] }, extra: secrets['app secret'] }
    const refused = await api.call('/deploy/prepare', { json: { environment: 'staging', config: wrong } })
    expect(refused.status).toBe(400)
    seen.push(refused.text)

    for (const { id } of ended) {
      await look(`/deploy/${id}/status`)
      await look(`/deploy/${id}/logs?limit=1000`)
      await look(`/jobs?subject=deployment:${id}`)
    }
    for (const path of [
      '/deploy',
      '/deploy/apps',
      '/deploy/apps/careless/staging/versions',
      '/health/deployment',
    ]) {
      await look(path)
    }
  })

  test.skipIf(skipped)(
    'setup: successful and failed sign-ins, tokens, a command and the console',
    async () => {
      const made = await api.call('/api/v1/auth/tokens', { json: { name: 'canary' } })
      secrets.jwt = api.token
      secrets['api token'] = made.json.token
      const typed = {
        username: secrets['typed user name']?.slice(0, 50),
        password: secrets['typed password'],
      }
      secrets['typed user name'] = typed.username ?? ''
      expect((await api.call('/api/v1/auth/login', { token: null, json: typed })).status).toBe(401)
      const swapped = { username: 'admin', password: secrets['typed password'] }
      expect((await api.call('/api/v1/auth/login', { token: null, json: swapped })).status).toBe(401)
      for (const token of [secrets['typed password'], `${api.token}x`, `${made.json.token}x`]) {
        expect((await api.call('/jobs', { token: token ?? '' })).status).toBe(401)
      }
      // A careless client sends its token in the URL.
      await api.call(`/deploy?token=${api.token}`)
      await api.call(`/deploy/${secrets['typed password']}/status?key=${made.json.token}`)

      const form = new URLSearchParams({
        username: 'admin',
        password: secrets['admin password'] ?? '',
      }).toString()
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const page = await api.call('/login', { token: null, raw: form, headers })
      expect(page.status).toBe(303)
      const cookies = page.headers.getSetCookie().join('; ')
      secrets.session = /capstan_session=([^;]+)/.exec(cookies)?.[1] ?? ''
      secrets['csrf token'] = /XSRF-TOKEN=([^;]+)/.exec(cookies)?.[1] ?? ''
      const asAdmin = { cookie: `capstan_session=${secrets.session}`, 'x-csrf-token': secrets['csrf token'] }
      const empty = { token: null, method: 'PUT', headers: asAdmin }
      expect((await api.call('/admin/queues/api/queues/deploy-step/empty', empty)).status).toBe(403)
      const listed = await runCommand(stack, ['deploy', 'list'], keys)
      expect(listed).toMatchObject({ exitCode: 0, output: expect.stringContaining('careless') })
      seen.push(listed.output)
      secrets['command line token'] = readFileSync(join(stack.dataDir, 'cli-token'), 'utf8').trim()
      await look('/admin/queues/api/queues?activeQueue=deploy-step&status=latest&jobsPerPage=100')
      await look('/admin/queues/api/queues?activeQueue=rollback&status=latest&jobsPerPage=100')
    },
  )

  test.skipIf(skipped)('no row, key, log line or answer contains a secret', async () => {
    const { apiToken } = localCloudCredentials(stack.dataDir)
    secrets['cloud token'] = apiToken
    secrets['database password'] = new URL(stack.databaseUrl()).password
    if (keys.SECRET_KEY === undefined) {
      secrets['secret key'] = readFileSync(join(stack.dataDir, 'secret.key'), 'utf8').trim()
    }
    expect(Object.values(secrets).filter((secret) => secret.length < 20)).toEqual([])

    const rows = await dumpDatabase(stack)
    expect(rows).toContain('public.plans: ')
    expect(rows).toMatch(/APP_KEY/)
    expect(secretsIn(rows, secrets)).toEqual([])
    const store = (await redis?.dump()) ?? ''
    expect(store.includes('deploy-step')).toBe(onRedis)
    expect(secretsIn(store, secrets)).toEqual([])
    expect(stack.output()).toContain('the key is [secret]')
    expect(secretsIn(stack.output(), secrets)).toEqual([])
    expect(secretsIn(seen.join('\n'), secrets)).toEqual([])
  })

  test.skipIf(skipped)('each file of DATA_DIR contains only its own secret', async () => {
    await stack.stop()
    const found = searchFiles(stack.dataDir, secrets)
    // The local cloud's own state contains the secrets: it needs them whenever an app starts.
    const ofCloud = found.filter((each) => /^local-cloud\/(?!credentials\.json).*: app secret$/.test(each))
    expect(ofCloud.length).toBeGreaterThan(0)
    const kept = found.filter((each) => !ofCloud.includes(each)).sort()
    const expected = [
      'cli-token: command line token',
      'local-cloud/credentials.json: cloud token',
      'postgres.json: database password',
    ]
    if (keys.SECRET_KEY === undefined) expected.push('secret.key: secret key')
    expect(kept).toEqual(expected)
  })
})
