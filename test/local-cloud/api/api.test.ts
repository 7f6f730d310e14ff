import { expect, test } from 'vitest'
import { assertConforms } from '../contract/contract.ts'
import { accountId, getText, startCloud, token } from '../harness.ts'

async function raw(url: string, headers: Record<string, string>, method = 'GET') {
  const response = await fetch(url, { headers, method })
  const body = (await response.json()) as { success: boolean; errors: { code: number }[]; result: unknown }
  return { status: response.status, code: body.errors[0]?.code, body, headers: response.headers }
}

test('both verify routes accept the token', async () => {
  const cloud = await startCloud()
  for (const path of ['/user/tokens/verify', `/accounts/${accountId}/tokens/verify`]) {
    const { status, result, body } = await cloud.call('GET', path)
    expect([status, result.status]).toEqual([200, 'active'])
    expect(body.messages[0].code).toBe(10000)
  }
})

test('a call without the right token is rejected', async () => {
  const cloud = await startCloud()
  const api = `${cloud.url}/client/v4`
  const cases: [string, Record<string, string>, number, number][] = [
    ['/user/tokens/verify', { authorization: 'Bearer wrong' }, 401, 1000],
    ['/accounts', { authorization: 'Bearer wrong' }, 401, 10000],
    ['/accounts', { authorization: 'Basic abc' }, 400, 6003],
    ['/accounts', {}, 400, 9106],
  ]
  for (const [path, headers, status, code] of cases) {
    const reply = await raw(`${api}${path}`, headers)
    expect([reply.status, reply.code]).toEqual([status, code])
    assertConforms('GET', path, reply.status, undefined, reply.body)
  }
})

test('an unknown path, method or account has its own code', async () => {
  const cloud = await startCloud()
  expect((await cloud.call('GET', '/nothing/here')).code).toBe(7000)
  expect((await cloud.call('PATCH', '/user')).code).toBe(7001)
  expect((await cloud.call('GET', `/accounts/${'f'.repeat(32)}/workers/scripts`)).code).toBe(7003)
  expect((await cloud.call('GET', '/accounts/not-an-id')).code).toBe(7003)
})

test('every response has the headers of the edge', async () => {
  const cloud = await startCloud()
  const first = await cloud.call('GET', '/accounts')
  const second = await cloud.call('GET', '/nothing/here')
  const left = ({ headers }: { headers: Headers }) =>
    Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1])
  expect(left(second)).toBe(left(first) - 1)
  expect(second.headers.get('ratelimit-policy')).toMatch(/^"default";q=\d+;w=300$/)
  expect(second.headers.get('cf-ray')).toMatch(/^[0-9a-f]{16}-LOCAL$/)
})

test('the account, its owner and its empty lists can be read', async () => {
  const cloud = await startCloud()
  const accounts = await cloud.call('GET', '/accounts?page=1&per_page=5')
  expect(accounts.result.map((one: { id: string }) => one.id)).toEqual([accountId])
  expect(accounts.body.result_info).toEqual({
    page: 1,
    per_page: 5,
    count: 1,
    total_count: 1,
    total_pages: 1,
  })
  expect((await cloud.call('GET', `/accounts/${accountId}`)).result.type).toBe('standard')
  expect((await cloud.call('GET', '/accounts?name=another')).result).toEqual([])
  expect((await cloud.call('GET', '/user')).result.email).toContain('@')
  expect((await cloud.call('GET', '/memberships')).result[0].account.id).toBe(accountId)
  expect((await cloud.call('GET', '/zones?name=example.com')).result).toEqual([])
  const namespaces = `/accounts/${accountId}/workers/durable_objects/namespaces?per_page=5`
  expect((await cloud.call('GET', namespaces)).result).toEqual([])
})

test('the workers.dev subdomain of the account can be set only once', async () => {
  const cloud = await startCloud()
  const path = `/accounts/${accountId}/workers/subdomain`
  const { subdomain } = (await cloud.call('GET', path)).result
  expect((await cloud.call('PUT', path, { subdomain })).status).toBe(200)
  expect((await cloud.call('PUT', path, { subdomain: 'another' })).code).toBe(10036)
  expect((await cloud.call('PUT', path, { subdomain: 'Not A Label' })).code).toBe(10026)
})

test('/ips needs no token; unknown hosts and paths get 404', async () => {
  const cloud = await startCloud()
  const ips = await raw(`${cloud.url}/client/v4/ips`, {})
  expect([ips.status, ips.body.success]).toEqual([200, true])
  expect((await getText(cloud, '127.0.0.1', '/')).status).toBe(404)
  expect((await getText(cloud, 'nobody.localhost', '/client/v4/ips')).status).toBe(404)
  expect((await getText(cloud, 'example.com', '/')).status).toBe(404)
})

test('a body with invalid JSON or unknown fields is rejected without quoting it', async () => {
  const cloud = await startCloud()
  const url = `${cloud.url}/client/v4/accounts/${accountId}/workers/subdomain`
  const response = await fetch(url, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body: '{oops',
  })
  expect(response.status).toBe(400)
  const path = `/accounts/${accountId}/workers/subdomain`
  const reply = await cloud.call('PUT', path, { subdomain: 'hidden-value', more: 'hidden-value' })
  expect(reply.code).toBe(10026)
  expect(JSON.stringify(reply.body)).not.toContain('hidden-value')
})
