import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  accountId,
  counter,
  counterBinding,
  firstMigration,
  form,
  onCleanup,
  startCloud,
  token,
} from '../harness.ts'
import { type StrictOptions, type StrictProxy, startStrictProxy } from './strict-proxy.ts'

const script = `/accounts/${accountId}/workers/scripts/app`

async function strict(options?: StrictOptions): Promise<StrictProxy> {
  const proxy = await startStrictProxy(options)
  onCleanup(() => proxy.stop())
  return proxy
}

describe('the strict proxy', () => {
  let proxy: StrictProxy
  beforeEach(async () => {
    proxy = await strict()
    proxy.leadTo((await startCloud()).port)
  })

  async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const multipart = body instanceof FormData
    const json = body === undefined || multipart ? {} : { 'content-type': 'application/json' }
    const response = await fetch(`http://127.0.0.1:${proxy.port}/client/v4${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...json, ...headers },
      ...(body === undefined ? {} : { body: multipart ? body : JSON.stringify(body) }),
    })
    const answer = (await response.json()) as { errors: { message: string }[]; result: { id: string } }
    return { status: response.status, message: answer.errors[0]?.message ?? '', result: answer.result }
  }

  test('forwards a whole upload and its deployment', async () => {
    const metadata = { bindings: [counterBinding()], migrations: firstMigration }
    const url = `${script}?bindings_inherit=strict`
    expect((await send('PUT', url, form(metadata, counter('one')))).status).toBe(200)
    expect((await send('GET', `${script}/versions?deployable=true&page=1&per_page=5`)).status).toBe(200)
    expect((await send('GET', '/accounts?page=1')).status).toBe(200)
    // An error response of the cloud must also match the contract.
    expect((await send('DELETE', script)).message).toMatch(/force=true/)
    expect((await send('DELETE', `${script}?force=true`)).status).toBe(200)
    expect(proxy.breaches).toEqual([])
  })

  const unknown: [string, string, string, unknown, RegExp][] = [
    ['a path', 'GET', '/accounts/x/nothing', undefined, /path is not known/],
    ['a method', 'PATCH', '/user', undefined, /PATCH is not known/],
    ['a query parameter', 'GET', `${script}/versions?colour=red`, undefined, /colour is not known/],
    ['a value of one', 'GET', `${script}/versions?page=red`, undefined, /page: .*number/],
    ['an account id', 'GET', '/accounts/short/workers/scripts', undefined, /account_id/],
    ['a field', 'POST', `${script}/subdomain`, { enabled: true, colour: 1 }, /additional/],
    ['a value', 'POST', `${script}/subdomain`, { enabled: 'yes' }, /boolean/],
    ['no body', 'POST', `${script}/subdomain`, undefined, /body is missing/],
    ['a body', 'DELETE', script, { force: true }, /none is known/],
    ['metadata', 'PUT', script, form({ colour: 'red' }), /additional/],
    ['a binding', 'PUT', script, form({ bindings: [{ type: 'telepathy', name: 'T' }] }), /bindings/],
    ['a module', 'PUT', script, form({}, [{ name: 'a.js', content: '', type: 'text/html' }]), /no kind/],
    ['a main module', 'PUT', script, form({ main_module: 'b.js' }), /main module is missing/],
  ]
  test.each(unknown)('rejects a request with an unknown %s', async (_, method, path, body, message) => {
    const answer = await send(method, path, body)
    expect([answer.status, answer.message]).toEqual([400, expect.stringMatching(message)])
    expect(proxy.passed).toEqual([])
    expect(proxy.breaches).toHaveLength(1)
  })

  test('rejects a request without a bearer token', async () => {
    expect((await send('GET', '/user', undefined, { authorization: 'Basic abc' })).message).toMatch(/bearer/)
  })

  test('rejects a response that violates the contract', async () => {
    const answers = [
      { success: true, errors: [], messages: [], result: { strategy: 1 } },
      { success: true, result: null },
      'nothing',
    ]
    const server = createServer((_, res) => {
      res.setHeader('content-type', 'application/json')
      res.setHeader('ratelimit', '"default";r=1;t=1').end(JSON.stringify(answers.shift()))
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    onCleanup(async () => void server.close())
    proxy.leadTo((server.address() as AddressInfo).port)
    while (answers.length > 0) {
      const answer = await send('GET', `${script}/deployments/${'0'.repeat(8)}`)
      expect([answer.status, answer.message]).toEqual([400, expect.stringMatching(/breaks the contract/)])
    }
  })
})
