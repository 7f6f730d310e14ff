import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secrets, sha, startTracker, type Tracker } from '../harness.ts'

const callers = ['admin', 'client', 'otherClient', 'read', 'badge', 'apiToken', 'apiReader', 'none'] as const
type Caller = (typeof callers)[number]
interface Endpoint {
  name: string
  method?: string
  path: string
  json?: object
  /** In the order of the callers above. */
  answers: number[]
}

const release = { image_tag: '1', image_sha: sha('one'), client_name: 'acme', env_name: 'prod' }
const component = '/shop/Deployment/web/app'
const batch = {
  collector_id: '00000000-0000-4000-8000-000000000001',
  run_id: '00000000-0000-4000-8000-000000000002',
  sequence: 1,
  since: null,
  client_name: 'acme',
  env_name: 'prod',
}
const none = 'feedfeed-0000-4000-8000-000000000000'

// biome-ignore format: a table
const endpoints: Endpoint[] = [
  { name: 'put', method: 'PUT', path: `/api/collect${component}`, json: release, answers: [200, 200, 403, 403, 401, 200, 403, 401] },
  { name: 'collect', method: 'POST', path: '/api/collect', answers: [202, 202, 403, 403, 401, 202, 403, 401] },
  { name: 'batch', method: 'POST', path: '/api/collect/batch', json: batch, answers: [200, 200, 403, 403, 401, 200, 403, 401] },
  { name: 'ping', method: 'POST', path: '/api/ping', json: { client_name: 'acme', env_name: 'prod' }, answers: [200, 200, 403, 403, 401, 200, 403, 401] },
  { name: 'current', path: '/api/releases/current?client_name=acme&env_name=prod', answers: [200, 200, 403, 200, 401, 200, 200, 401] },
  { name: 'current as csv', path: '/api/releases/current?client_name=acme&env_name=prod&format=csv', answers: [200, 200, 403, 200, 401, 200, 200, 401] },
  { name: 'as of', path: '/api/releases/current?client_name=acme&env_name=prod&at=2026-01-01T00:00:00Z', answers: [200, 200, 403, 200, 401, 200, 200, 401] },
  { name: 'all histories', path: '/api/releases/history?client_name=acme&env_name=prod&tag=v1', answers: [200, 200, 403, 200, 401, 200, 200, 401] },
  { name: 'history', path: '/api/releases/history/acme/prod/shop/web/app', answers: [200, 200, 403, 200, 401, 200, 200, 401] },
  { name: 'compare', path: '/api/releases/compare?left=acme/prod&right=acme/stage', answers: [200, 200, 403, 200, 401, 200, 200, 401] },
  { name: 'compare two clients', path: '/api/releases/compare?left=acme/prod&right=other/prod', answers: [200, 403, 403, 403, 401, 200, 200, 401] },
  { name: 'events', method: 'HEAD', path: '/api/releases/events?client=acme', answers: [200, 200, 403, 200, 401, 200, 200, 401] },
  { name: 'clients and environments', path: '/api/clients-environments', answers: [200, 200, 200, 200, 401, 200, 200, 401] },
  { name: 'config', path: '/api/config', answers: [200, 200, 200, 200, 401, 200, 200, 401] },
  { name: 'make a badge token', method: 'POST', path: '/api/badges/tokens', json: { client_name: 'acme' }, answers: [201, 201, 403, 403, 401, 201, 403, 401] },
  { name: 'list badge tokens', path: '/api/badges/tokens?client_name=acme', answers: [200, 200, 403, 200, 401, 200, 200, 401] },
  { name: 'revoke a badge token', method: 'DELETE', path: `/api/badges/tokens/${none}`, answers: [404, 404, 404, 403, 401, 404, 403, 401] },
  { name: 'jobs', path: '/jobs', answers: [401, 401, 401, 401, 401, 403, 403, 401] },
  { name: 'a deployment', path: '/deploy', answers: [401, 401, 401, 401, 401, 403, 403, 401] },
  { name: 'accounts', path: '/api/v1/auth/me', answers: [401, 401, 401, 401, 401, 200, 200, 401] },
  { name: 'health', path: '/health', answers: [200, 200, 200, 200, 200, 200, 200, 200] },
]

describe('who may do what', () => {
  let tracker: Tracker
  const shown: Record<Caller, string | undefined> = {
    admin: secrets.admin,
    client: secrets.acme,
    otherClient: secrets.other,
    read: secrets.reader,
    badge: undefined,
    apiToken: undefined,
    apiReader: undefined,
    none: undefined,
  }
  beforeAll(async () => {
    tracker = await startTracker({ cluster: true, env: { MODE: 'master' } })
    const admin = await tracker.api.signIn('the-admin', true)
    const token = async (scopes: string[]) => {
      const answer = await tracker.api.call('/api/v1/auth/tokens', {
        token: admin,
        json: { name: 'test', scopes },
      })
      expect(answer.status).toBe(200)
      return answer.json.token
    }
    shown.apiToken = await token(['tracker:read', 'tracker:write'])
    shown.apiReader = await token(['tracker:read'])
    const made = await tracker.call('/api/badges/tokens', { json: { client_name: 'acme' } })
    shown.badge = made.json.token
    expect((await tracker.put('shop/Deployment/web/app', release)).status).toBe(200)
  })
  afterAll(() => tracker?.stop())

  const ask = (caller: Caller, { method, path, json }: Omit<Endpoint, 'answers' | 'name'>) =>
    tracker.api.call(path, {
      ...(method === undefined ? {} : { method }),
      ...(json === undefined ? {} : { json }),
      ...(shown[caller] === undefined ? {} : { token: shown[caller] }),
    })

  for (const endpoint of endpoints) {
    it(`to ${endpoint.name}`, async () => {
      const answers: Record<string, number> = {}
      for (const caller of callers) {
        const answer = await ask(caller, endpoint)
        answers[caller] = answer.status
        if (answer.status >= 400 && endpoint.method !== 'HEAD')
          expect(answer.json.error.code, answer.text).toBeTypeOf('string')
        if (answer.status === 401) expect(answer.headers.get('www-authenticate')).toContain('Bearer')
      }
      expect(answers).toEqual(Object.fromEntries(callers.map((caller, n) => [caller, endpoint.answers[n]])))
    })
  }

  it('names every route of the tracker', () => {
    const asked = new Set(
      endpoints.map(
        ({ method = 'GET', path }) => `${method === 'HEAD' ? 'GET' : method} ${path.split('?')[0]}`,
      ),
    )
    const fits = (method: string, path: string) =>
      [...asked].some((each) => {
        const pattern = new RegExp(`^${method.toUpperCase()} ${path.replace(/:[a-z]+/g, '[^/]+')}$`)
        return pattern.test(each)
      })
    const missing = tracker.ctx.releaseTracker.routes.filter(({ method, path }) => !fits(method, path))
    expect(missing.map(({ path }) => path)).toEqual(['/badges/:key/:client/:env/:kind/:workload/:container'])
  })

  it('allows badges to administrators and to keys and badge tokens of the client', async () => {
    const of = async (key: string, client = 'acme') => {
      const { status, text } = await tracker.api.call(`/badges/${key}/${client}/prod/Deployment/web/app`)
      expect(status).toBe(200)
      return /<title>([^<]*)<\/title>/.exec(text)?.[1]
    }
    for (const caller of ['admin', 'client', 'read', 'badge'] as const) {
      expect(await of(shown[caller] as string), caller).toBe('prod: 1')
    }
    expect(await of(secrets.other)).toBe('prod: access denied')
    expect(await of(shown.badge as string, 'other')).toBe('prod: access denied')
    expect(await of(shown.apiToken as string)).toBe('prod: unauthorized')
    expect(await of('nothing')).toBe('prod: unauthorized')
  })

  it('accepts keys in X-API-Key and Bearer, and ignores keys in the query', async () => {
    const path = '/api/releases/current?client_name=acme&env_name=prod'
    const status = async (headers: Record<string, string>, suffix = '') =>
      (await tracker.api.call(path + suffix, { headers })).status
    expect(await status({ 'x-api-key': secrets.acme })).toBe(200)
    expect(await status({ 'x-api-key': secrets.other })).toBe(403)
    expect(await status({ 'x-api-key': `${secrets.acme}x` })).toBe(401)
    expect(await status({ 'x-api-key': secrets.acme, authorization: 'Basic Zm9vOmJhcg==' })).toBe(200)
    expect(await status({ 'x-api-key': secrets.acme, authorization: 'Bearer wrong' })).toBe(401)
    for (const name of ['apikey', 'api_key']) expect(await status({}, `&${name}=${secrets.admin}`)).toBe(401)
    expect(await status({ 'x-is-admin': 'true', 'x-client-name': 'acme' })).toBe(401)
  })

  it('shows the job of a collection to every caller who may collect', async () => {
    const { json } = await ask('apiToken', { method: 'POST', path: '/api/collect' })
    const job = `/jobs/${json.jobId}`
    const statuses = async (path: string, method = 'GET') => {
      const all: Record<string, number> = {}
      for (const caller of callers) all[caller] = (await ask(caller, { method, path })).status
      return all
    }
    const watching = {
      admin: 200,
      client: 200,
      otherClient: 404,
      read: 404,
      badge: 401,
      apiToken: 200,
      apiReader: 403,
      none: 401,
    }
    expect(await statuses(job)).toEqual(watching)
    expect(await statuses(`${job}/events`, 'HEAD')).toEqual(watching)
    // Watching is not owning, and a scope of the tracker is none of jobs.
    const owner = (await tracker.ctx.db('jobs').where({ id: json.jobId }).first()).owner
    const cancel = await statuses(`${job}/cancel`, 'POST')
    expect(owner).toBe('tracker-key:admin')
    expect(cancel).toEqual({
      ...{
        admin: 202,
        client: 404,
        otherClient: 404,
        read: 403,
        badge: 401,
        apiToken: 403,
        apiReader: 403,
        none: 401,
      },
    })
  })
})

describe('on a standalone tracker', () => {
  let tracker: Tracker
  beforeAll(async () => {
    tracker = await startTracker()
  })
  afterAll(() => tracker?.stop())

  it('every key has full access, except that a read key may not write', async () => {
    await tracker.put('shop/Deployment/web/app', { ...release, client_name: 'elsewhere' })
    for (const key of Object.values(secrets)) {
      const answer = await tracker.call('/api/releases/current', { token: key })
      expect(answer.json).toMatchObject({ total: 1, ordered_namespaces: ['shop'] })
    }
    const put = (token: string) => tracker.put('shop/Deployment/web/app', release, { token })
    expect((await put(secrets.other)).status).toBe(200)
    expect((await put(secrets.reader)).status).toBe(403)
  })

  it('paths of a master answer 404 with the reason', async () => {
    const calls = [
      tracker.call('/api/clients-environments'),
      tracker.call('/api/ping', { json: { client_name: 'a', env_name: 'b' } }),
      tracker.call('/api/ping', { json: {} }),
      tracker.call('/api/collect/batch', { json: batch }),
      tracker.call('/api/collect/batch', { json: { nothing: 'right' } }),
    ]
    for (const { status, json } of await Promise.all(calls)) {
      expect(status).toBe(404)
      expect(json.error).toMatchObject({
        code: 'SYS_005',
        message: expect.stringContaining('MODE is standalone'),
      })
    }
  })

  it('without a cluster a collection is refused with the reason, and everything else works', async () => {
    const answer = await tracker.call('/api/collect', { method: 'POST' })
    expect(answer.status).toBe(503)
    expect(answer.json.error).toMatchObject({
      message: expect.stringContaining('No cluster to collect'),
      retryable: false,
    })
    expect((await tracker.get('/api/config')).api_key_type).toEqual({
      is_admin: true,
      authenticated_client: '',
    })
  })
})
