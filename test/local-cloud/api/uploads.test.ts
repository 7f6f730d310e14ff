import { expect, test } from 'vitest'
import { accountId, counter, form, hello, shareCloud, startCloud, token, versionIdOf } from '../harness.ts'

const main = (content: string) => [{ name: 'main.js', content }]

const shared = shareCloud()

test('an uploaded Worker responds at its address once the address is enabled', async () => {
  const cloud = shared()
  const { result, status } = await cloud.put('hello', {})
  expect(status).toBe(200)
  expect(result).toMatchObject({ id: 'hello', handlers: ['fetch'], has_modules: true })
  expect((await cloud.get('hello')).status).toBe(404)
  await cloud.publish('hello')
  expect(await cloud.get('hello')).toEqual({ status: 200, text: 'hello' })
  await cloud.script('DELETE', 'hello/subdomain')
  expect((await cloud.get('hello')).status).toBe(404)
})

test('the lists, the service and the search show the stored scripts', async () => {
  const cloud = await startCloud()
  await cloud.put(
    'alpha',
    { tags: ['team'], migrations: { new_tag: 'v1', new_sqlite_classes: ['Counter'] } },
    counter('x'),
  )
  await cloud.put('beta', {})
  const scripts = await cloud.call('GET', `/accounts/${accountId}/workers/scripts`)
  expect(
    scripts.result.map((one: { id: string; migration_tag?: string }) => [one.id, one.migration_tag]),
  ).toEqual([
    ['alpha', 'v1'],
    ['beta', undefined],
  ])
  const service = await cloud.call('GET', `/accounts/${accountId}/workers/services/alpha`)
  expect(service.result.default_environment.script).toMatchObject({ migration_tag: 'v1', tags: ['team'] })
  const search = await cloud.call('GET', `/accounts/${accountId}/workers/scripts-search?name=bet&per_page=1`)
  expect(search.result.map((one: { script_name: string }) => one.script_name)).toEqual(['beta'])
})

test('code that does not start is rejected with its own error, and the old version keeps serving', async () => {
  const cloud = shared()
  await cloud.put('steady', {})
  await cloud.publish('steady')
  const cases: [string, RegExp][] = [
    ['export default { fetch( {', /SyntaxError/],
    ["throw new Error('broken at start'); export default {}", /broken at start/],
    ["import './absent.js'; export default {}", /No such module "absent.js"/],
  ]
  for (const [code, message] of cases) {
    const reply = await cloud.put('steady', {}, main(code))
    expect([reply.status, reply.code]).toEqual([400, 10021])
    expect(reply.message).toMatch(message)
  }
  expect(await cloud.get('steady')).toEqual({ status: 200, text: 'hello' })
  expect((await cloud.script('GET', 'steady/versions')).result.items).toHaveLength(1)
})

test('unknown or unsupported metadata is rejected', async () => {
  const cloud = shared()
  const cases: [object, RegExp][] = [
    [{ exports: { A: { type: 'durable-object' } } }, /exports: declarative exports are not supported/],
    [{ bindings: [{ type: 'telepathy' }] }, /bindings.0.name/],
    [{ bindings: [{ type: 'kv_namespace', name: 'KV' }] }, /bindings.0.namespace_id/],
    [{ bindings: [{ type: 'hyperdrive', name: 'DB' }] }, /bindings.0.id: is required/],
    [{ bindings: [{ type: 'plain_text', name: 'A', text: '1', extra: 1 }] }, /extra/],
    [{ bindings: ['1', '2'].map((text) => ({ type: 'plain_text', name: 'A', text })) }, /Two bindings/],
    [{ compatibility_date: '9999-01-01' }, /future/],
    [{ main_module: 'other.js' }, /No such module: other.js/],
    [{ annotations: { 'workers/tag': 'x'.repeat(101) } }, /100 bytes/],
  ]
  for (const [metadata, message] of cases) {
    const reply = await cloud.put('strict', { ...metadata })
    expect([reply.status, reply.code]).toEqual([400, 10021])
    expect(reply.message).toMatch(message)
  }
  expect((await cloud.put('Not_A_Host', {})).code).toBe(10016)
  expect((await cloud.call('GET', `/accounts/${accountId}/workers/services/strict`)).code).toBe(10090)
})

test('an upload that is too large or not multipart is rejected', async () => {
  const cloud = shared()
  const large = [
    ...main(hello('x')),
    { name: 'big.bin', content: new Uint8Array(65 * 2 ** 20), type: 'application/octet-stream' },
  ]
  const refused = await cloud.put('big', {}, large)
  expect([refused.status, refused.code]).toEqual([413, 10027])
  const url = `${cloud.url}/client/v4/accounts/${accountId}/workers/scripts/big`
  const response = await fetch(url, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body: 'plain',
  })
  expect(response.status).toBe(400)
})

test('modules of all types keep their names, including slashes', async () => {
  const cloud = shared()
  const code = `
    import text from '../lib/words.txt'
    import { double } from '../lib/deep/double.js'
    import data from '../lib/bytes.bin'
    export default { fetch: () => new Response([text, double(21), data.byteLength].join()) }`
  const modules = [
    { name: 'src/main.js', content: code },
    { name: 'lib/words.txt', content: 'words', type: 'text/plain' },
    { name: 'lib/deep/double.js', content: 'export const double = (n) => 2 * n' },
    { name: 'lib/bytes.bin', content: new Uint8Array(3), type: 'application/octet-stream' },
    { name: 'src/main.js.map', content: '{}', type: 'application/source-map' },
  ]
  expect((await cloud.put('parts', {}, modules)).message).toBe('')
  await cloud.publish('parts')
  expect((await cloud.get('parts')).text).toBe('words,42,3')
  expect((await cloud.put('parts', {}, [...modules, { name: '../out.js', content: '' }])).code).toBe(10021)
})

test('bindings reach the Worker, and kept or inherited ones persist', async () => {
  const cloud = shared()
  const code = main('export default { fetch: (request, env) => Response.json(env) }')
  const bindings = [
    { type: 'plain_text', name: 'PLAIN', text: 'p' },
    { type: 'secret_text', name: 'SECRET', text: 's' },
    { type: 'json', name: 'JSON', json: { deep: [1] } },
    { type: 'version_metadata', name: 'VERSION' },
  ]
  const first = await cloud.put('bound', { bindings, annotations: { 'workers/tag': 'mark' } }, code)
  await cloud.publish('bound')
  const env = async () => JSON.parse((await cloud.get('bound')).text)
  expect(await env()).toMatchObject({ PLAIN: 'p', SECRET: 's', JSON: { deep: [1] } })
  expect((await env()).VERSION).toMatchObject({ id: versionIdOf(first), tag: 'mark' })

  const inherit = { type: 'inherit', name: 'RENAMED', old_name: 'PLAIN' }
  await cloud.put(
    'bound',
    { bindings: [inherit], keep_bindings: ['secret_text'] },
    code,
    '?bindings_inherit=strict',
  )
  expect(await env()).toEqual({ RENAMED: 'p', SECRET: 's' })

  const absent = { bindings: [{ type: 'inherit', name: 'ABSENT' }] }
  expect((await cloud.put('bound', absent, code, '?bindings_inherit=strict')).code).toBe(10057)
  await cloud.put('bound', absent, code)
  expect(await env()).toEqual({})
})

test('scripts are independent, and concurrent uploads of one script run one after the other', async () => {
  const cloud = await startCloud()
  await cloud.put('left', {}, main(hello('left')))
  await cloud.put('right', {}, main('export default { fetch() { while (true); } }'))
  await cloud.publish('left')
  await cloud.publish('right')
  const hanging = cloud.get('right').catch(() => 'cut')
  const uploads = ['a', 'b', 'c'].map((text) => cloud.put('left', {}, main(hello(text))))
  expect((await Promise.all(uploads)).map((reply) => reply.status)).toEqual([200, 200, 200])
  const { items } = (await cloud.script('GET', 'left/versions')).result
  expect(items.map((one: { number: number }) => one.number)).toEqual([4, 3, 2, 1])
  const { deployments } = (await cloud.script('GET', 'left/deployments')).result
  expect(deployments[0].versions).toEqual([{ version_id: items[0].id, percentage: 100 }])
  expect(['a', 'b', 'c']).toContain((await cloud.get('left')).text)
  await cloud.stop()
  await hanging
}, 90_000)

test('a deleted script disappears from all routes', async () => {
  const cloud = shared()
  await cloud.put('gone', {})
  await cloud.publish('gone')
  expect((await cloud.get('gone')).status).toBe(200)
  expect((await cloud.script('DELETE', 'gone?force=true')).status).toBe(200)
  expect((await cloud.get('gone')).status).toBe(404)
  expect((await cloud.script('DELETE', 'gone')).code).toBe(10007)
  expect((await cloud.script('GET', 'gone/deployments')).code).toBe(10007)
  expect((await cloud.upload('gone', {})).code).toBe(10007)
})

test('script settings persist across versions', async () => {
  const cloud = shared()
  await cloud.put('settled', { logpush: false })
  const patch = { tags: ['one'], observability: { enabled: true } }
  expect((await cloud.script('PATCH', 'settled/script-settings', patch)).result).toMatchObject(patch)
  expect((await cloud.script('GET', 'settled/script-settings')).result).toMatchObject(patch)
  expect((await cloud.script('PATCH', 'settled/script-settings', { other: 1 })).code).toBe(10026)
})

test('an upload without a metadata part is rejected', async () => {
  const cloud = shared()
  const body = form({})
  body.delete('metadata')
  const url = `${cloud.url}/client/v4/accounts/${accountId}/workers/scripts/empty`
  const response = await fetch(url, { method: 'PUT', headers: { authorization: `Bearer ${token}` }, body })
  expect(response.status).toBe(400)
})
