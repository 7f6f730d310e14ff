import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  ApiError,
  type ClientOptions,
  ConnectionError,
  createClient,
  isApiError,
  type Retry,
  sendBlobs,
} from '../../client/src/index.ts'
import { type Answering, json, refusal, startFakeApi, wrapped } from '../cli/fake-api.ts'

async function start(answer: Answering, options: Partial<ClientOptions> = {}) {
  const api = await startFakeApi(answer)
  return { ...api, client: createClient({ url: `${api.url}/`, auth: { token: 'ora_x' }, ...options }) }
}

const refuse =
  (code: string, status: number): Answering =>
  (_asked, res) =>
    json(res, status, refusal(code, 'No'))

describe('a call', () => {
  test('sends parameters, query, body and token, and returns the answer without its envelope', async () => {
    const { client, asked } = await start(({ path }, res) =>
      json(
        res,
        200,
        path.startsWith('/deploy') ? wrapped({ missing: ['a'] }) : { jobs: [], next_cursor: null },
      ),
    )
    const answer = await client.call('findMissingBlobs', { body: { digests: ['a', 'b'] } })
    expect(answer).toEqual({ missing: ['a'] })
    expectTypeOf(answer.missing).toEqualTypeOf<string[]>()
    await client.call('listJobs', { query: { subject: 'deployment:ä&b', limit: 5, state: 'failed' } })
    await client.call('getRelease', { path: { version: '1.0.0+a/b' } })
    expect(
      asked.map(({ method, path, headers, body }) => [method, path, headers.authorization, body]),
    ).toEqual([
      ['POST', '/deploy/blobs/missing', 'Bearer ora_x', { digests: ['a', 'b'] }],
      ['GET', '/jobs?subject=deployment%3A%C3%A4%26b&limit=5&state=failed', 'Bearer ora_x', undefined],
      ['GET', '/releases/1.0.0%2Ba%2Fb', 'Bearer ora_x', undefined],
    ])
  })

  test('has the types of the document', () => {
    const { call, events } = createClient({ url: 'http://127.0.0.1:1' })
    const typed = () => {
      // @ts-expect-error the path is missing
      void call('getJob')
      // @ts-expect-error there is no such state
      void call('listJobs', { query: { state: 'lost' } })
      // @ts-expect-error this operation streams no events
      void events('listJobs')
      return call('getJob', { path: { id: 'x' } })
    }
    expectTypeOf(typed).returns.resolves.toHaveProperty('state')
    expectTypeOf<Awaited<ReturnType<typeof typed>>['state']>().toEqualTypeOf<
      'queued' | 'running' | 'retrying' | 'completed' | 'failed' | 'cancelled'
    >()
  })

  test('returns nothing for 204, and status and headers on request', async () => {
    const { client } = await start(
      (_asked, res) => void res.writeHead(204, { 'X-Update-Reason': 'none' }).end(),
    )
    const query = { current: '1.0.0', platform: 'linux-amd64' }
    const { body, status, headers } = await client.answer('findUpdate', { query })
    expect([body, status, headers.get('x-update-reason')]).toEqual([undefined, 204, 'none'])
  })

  test('returns texts as they are', async () => {
    const { client, asked } = await start(
      (_asked, res) => void res.writeHead(200, { 'Content-Type': 'text/csv' }).end('a,b\r\n'),
    )
    const query = { left: 'a/b', right: 'a/c', format: 'csv' } as const
    expect(await client.text('compareEnvironments', { query })).toBe('a,b\r\n')
    expect(asked[0]?.path).toBe('/api/releases/compare?left=a%2Fb&right=a%2Fc&format=csv')
  })

  test.each(['', '.', '..'])('refuses the parameter "%s", which would lead to another path', async (id) => {
    const { client, asked } = await start(refuse('SYS_005', 404))
    await expect(client.call('getJob', { path: { id } })).rejects.toThrow(RangeError)
    expect(asked).toEqual([])
  })

  test.each([
    '@evil.example/x',
    '.evil.example/x',
    ':81/x',
    '//evil.example/x',
    '/\\evil.example/x',
    '/\t/evil.example/x',
    'x',
    '',
  ])('refuses the path "%s", which could lead to another host', async (path) => {
    const sent: string[] = []
    for (const url of ['http://127.0.0.1:1', '']) {
      const fetch = async (target: string) => {
        sent.push(target)
        return Response.json({})
      }
      const client = createClient({ url, auth: { token: 'ora_x' }, fetch })
      await expect(client.request({ path })).rejects.toThrow(RangeError)
    }
    expect(sent).toEqual([])
  })

  test('returns the answer of an unhealthy service, and the errors of others', async () => {
    const unhealthy = await start((_asked, res) => json(res, 503, { status: 'unhealthy', causes: [] }))
    expect(await unhealthy.client.call('getHealth')).toMatchObject({ status: 'unhealthy' })
    const away = await start(refuse('SYS_002', 503), { patienceMs: 0 })
    await expect(away.client.call('getHealth')).rejects.toThrow(ApiError)
  })
})

describe('an error', () => {
  test('of the API has its code, fields, correlation id and suggestion', async () => {
    const fields = [{ path: 'name', problem: 'is too long' }]
    const { client } = await start((_asked, res) => json(res, 422, refusal('REQ_002', 'Not valid', fields)))
    const error = await client.call('createToken', { body: { name: 'x' } }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      ...{ name: 'ApiError', code: 'REQ_002', status: 422, message: 'Not valid', fields, retryable: false },
      ...{ correlationId: 'c-1', suggestedAction: 'Do otherwise' },
    })
    if (!isApiError(error, 'REQ_002', 'STATE_001')) throw error
    expectTypeOf(error.code).toEqualTypeOf<'REQ_002' | 'STATE_001'>()
    expect(isApiError(error, 'SYS_005')).toBe(false)
  })

  test.each([
    [
      'an answer that is not JSON',
      (_asked: unknown, res) => void res.writeHead(200).end('<html>'),
      'not-capstan',
    ],
    [
      'a refusal without an envelope',
      (_asked: unknown, res) => json(res, 404, { message: 'x' }),
      'not-capstan',
    ],
    [
      'a redirect',
      (_asked: unknown, res) => void res.writeHead(302, { Location: '/x' }).end(),
      'unreachable',
    ],
    ['a closed connection', (_asked: unknown, res) => void res.destroy(), 'unreachable'],
    ['no answer in time', () => undefined, 'timeout'],
  ] as [string, Answering, string][])('of the connection: %s', async (_case, answer, reason) => {
    const { client, url } = await start(answer, {
      patienceMs: 0,
      timeoutMs: reason === 'timeout' ? 100 : 60_000,
    })
    const error = await client.call('listTokens').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toMatchObject({ reason, message: expect.stringContaining(url) })
  })

  test('is the reason of the signal for a call that was aborted', async () => {
    const ending = new AbortController()
    const { client } = await start(() => ending.abort(new Error('enough')))
    await expect(client.call('listTokens', { signal: ending.signal })).rejects.toThrow('enough')
  })
})

describe('a repetition', () => {
  const failingOnce =
    (status: number, code: string, headers: Record<string, string> = {}): Answering =>
    ({ method }, res) => {
      if (failed) return json(res, 200, { token: 't', method })
      failed = true
      for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
      json(res, status, refusal(code, 'Later'))
    }
  let failed = false
  const fresh = (answer: Answering, options: Partial<ClientOptions> = {}) => {
    failed = false
    return start(answer, options)
  }

  test('waits as long as Retry-After says, and is reported', async () => {
    const retries: Retry[] = []
    const answer = failingOnce(503, 'SYS_002', { 'Retry-After': '1' })
    const { client, asked } = await fresh(answer, { onRetry: (retry) => retries.push(retry) })
    await client.call('getOwnAccount')
    expect([asked.length, retries.length]).toEqual([2, 1])
    expect(retries[0]?.delayMs).toBe(1000)
  })

  test('has the idempotency key of the first attempt', async () => {
    const { client, asked } = await fresh(failingOnce(409, 'REQ_007'))
    await client.call('retryJob', { path: { id: 'a' } })
    await client.call('retryJob', { path: { id: 'a' } })
    const [first, second, other] = asked.map(({ headers }) => headers['idempotency-key'])
    expect(first).toMatch(/^[0-9a-f-]{36}$/)
    expect(second).toBe(first)
    expect(other).not.toBe(first)
  })

  test('is not made for a POST without a key, except after a refusal by the rate limit', async () => {
    const body = { name: 'x' }
    const unsafe = await fresh(failingOnce(503, 'SYS_002'))
    await expect(unsafe.client.call('createToken', { body })).rejects.toThrow('Later')
    const limited = await fresh(failingOnce(429, 'SYS_003'))
    expect(await limited.client.call('createToken', { body })).toMatchObject({ token: 't' })
    expect([unsafe.asked.length, limited.asked.length]).toEqual([1, 2])
  })

  test.each([
    [404, 'SYS_005'],
    [409, 'STATE_001'],
    [500, 'SYS_001'],
  ])('is not made after %i %s', async (status, code) => {
    const { client, asked } = await fresh(failingOnce(status, code))
    await expect(client.call('listTokens')).rejects.toThrow('Later')
    expect(asked).toHaveLength(1)
  })
})

describe('a credential', () => {
  test('is replaced once if the API refuses it', async () => {
    const { asked, url } = await start(({ headers }, res) =>
      headers.authorization === 'Bearer new'
        ? json(res, 200, { tokens: [], total: 0 })
        : json(res, 401, refusal('ACCESS_002', 'Revoked')),
    )
    const refused: (string | undefined)[] = []
    const token = (old?: string) => {
      refused.push(old)
      return old === undefined ? 'old' : 'new'
    }
    await createClient({ url, auth: { token } }).call('listTokens')
    expect(refused).toEqual([undefined, 'old'])
    expect(asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new'])
    const final = createClient({ url, auth: { token: 'fixed' } })
    await expect(final.call('listTokens')).rejects.toThrow('Revoked')
    expect(asked).toHaveLength(3)
  })

  test('of a session is the cookie, and its CSRF token for changes', async () => {
    const { asked, url } = await start((_asked, res) => json(res, 200, {}))
    const cookie = 'capstan_session=s; XSRF-TOKEN=c'
    const client = createClient({ url, auth: { session: { cookie } } })
    await client.call('getOwnAccount')
    await client.call('signOut')
    expect(
      asked.map(({ headers }) => [headers.cookie, headers['x-csrf-token'], headers.authorization]),
    ).toEqual([
      [cookie, undefined, undefined],
      [cookie, 'c', undefined],
    ])
  })

  test('of a page is left to the browser', async () => {
    const seen: RequestInit[] = []
    const fetch = async (_url: string, init: RequestInit) => {
      seen.push(init)
      return Response.json({})
    }
    await createClient({ url: '', auth: { session: { csrfToken: () => 'c' } }, fetch }).call('signOut')
    await createClient({ url: 'https://other.example', auth: { session: true }, fetch }).call('getOwnAccount')
    expect(seen.map(({ credentials }) => credentials)).toEqual(['same-origin', 'include'])
    expect(seen[0]?.headers).toMatchObject({ 'X-CSRF-Token': 'c' })
  })
})

describe('a list', () => {
  test('is read to its last page by its cursor', async () => {
    const { client, asked } = await start(({ path }, res) =>
      json(res, 200, { jobs: [{ id: path }], next_cursor: path.includes('cursor') ? null : 'c1' }),
    )
    const ids = await Array.fromAsync(
      client.items('listJobs', 'jobs', { query: { limit: 1 } }),
      ({ id }) => id,
    )
    expect(ids).toEqual(['/jobs?limit=1', '/jobs?limit=1&cursor=c1'])
    expect(asked).toHaveLength(2)
  })

  test('is read by the number of skipped elements', async () => {
    const { client, asked } = await start(({ path }, res) =>
      json(res, 200, {
        users: path.includes('skip=2') ? [{ id: 'c' }] : [{ id: 'a' }, { id: 'b' }],
        total: 3,
      }),
    )
    expect(await Array.fromAsync(client.items('listUsers', 'users'), ({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect(asked.map(({ path }) => path)).toEqual(['/api/v1/users', '/api/v1/users?skip=2'])
  })

  test('ends where the loop is left', async () => {
    const { client, asked } = await start((_asked, res) =>
      json(res, 200, { jobs: [{ id: 'a' }], next_cursor: 'more' }),
    )
    for await (const page of client.pages('listJobs')) {
      expect(page.jobs).toHaveLength(1)
      break
    }
    expect(asked).toHaveLength(1)
  })
})

test('blobs that the service lacks are sent, and only those', async () => {
  const { client, asked } = await start(({ method, body }, res) =>
    method === 'POST'
      ? json(res, 200, wrapped({ missing: body.digests.filter((each: string) => each !== 'b') }))
      : json(res, 201, wrapped({})),
  )
  const blob = (digest: string) => ({ digest, size: 1, read: async () => new TextEncoder().encode(digest) })
  const progress: number[] = []
  const sent = await sendBlobs(client, ['a', 'b', 'c'].map(blob), {
    onProgress: (bytes) => progress.push(bytes),
  })
  expect([sent, progress]).toEqual([2, [1, 2]])
  const puts = asked.filter(({ method }) => method === 'PUT')
  expect(puts.map(({ path, body }) => [path, body]).toSorted()).toEqual([
    ['/deploy/blobs/a', 'a'],
    ['/deploy/blobs/c', 'c'],
  ])
})
