import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { assertConforms } from '../contract/contract.ts'
import { accountId, startCloud, type TestCloud, temporaryDir, token } from '../harness.ts'

const account = `/accounts/${accountId}`
const kv = `${account}/storage/kv/namespaces`
const r2 = `${account}/r2/buckets`
const d1 = `${account}/d1/database`

/** A request whose body or response is no JSON. */
async function raw(cloud: TestCloud, method: string, path: string, body?: FormData | string, headers = {}) {
  const response = await fetch(`${cloud.url}/client/v4${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  if (response.status >= 400)
    assertConforms(method, path.replace(/\?.*/, ''), response.status, undefined, JSON.parse(text))
  return { status: response.status, text, headers: response.headers }
}

const worker = `
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/write') {
      await env.KV.put('from-worker', 'kv value', { metadata: { by: 'worker' } })
      await env.FILES.put('folder/from worker.txt', 'r2 value', { httpMetadata: { contentType: 'text/plain' } })
      await env.DB.prepare('insert into notes (text) values (?)').bind('from worker').run()
    }
    const [value, object] = [await env.KV.get('from api'), await env.FILES.get('a b/ü.bin')]
    const { results } = await env.DB.prepare('select text from notes order by id').all()
    return Response.json([value, await object?.text(), results.map(({ text }) => text)])
  },
}`

/** Creates a store of each kind and a Worker that is bound to them. */
async function provision(cloud: TestCloud) {
  const { id } = (await cloud.call('POST', kv, { title: 'app-kv' })).result
  await cloud.call('POST', r2, { name: 'app-files' })
  const { uuid } = (await cloud.call('POST', d1, { name: 'app-db' })).result
  const query = (sql: string, params?: string[]) =>
    cloud.call('POST', `${d1}/${uuid}/query`, { sql, ...(params && { params }) })
  await query('create table notes (id integer primary key, text text); create index by_text on notes (text);')
  const bindings = [
    { type: 'kv_namespace', name: 'KV', namespace_id: id },
    { type: 'r2_bucket', name: 'FILES', bucket_name: 'app-files' },
    { type: 'd1', name: 'DB', id: uuid, database_id: uuid },
  ]
  const upload = await cloud.put('app', { bindings }, [{ name: 'main.js', content: worker }])
  expect(upload.message).toBe('')
  await cloud.publish('app')
  return { id, uuid, query, bindings }
}

test('a Worker and the API see the same data, which survive a restart', async () => {
  const dataDir = temporaryDir()
  const cloud = await startCloud(dataDir)
  const { id, uuid, query } = await provision(cloud)
  const form = new FormData()
  form.set('value', 'api value')
  form.set('metadata', JSON.stringify({ by: 'api' }))
  expect((await raw(cloud, 'PUT', `${kv}/${id}/values/${encodeURIComponent('from api')}`, form)).status).toBe(
    200,
  )
  const key = `${r2}/app-files/objects/a%20b/${encodeURIComponent('ü.bin')}`
  const stored = await raw(cloud, 'PUT', key, 'bytes', { 'content-type': 'image/png' })
  expect(JSON.parse(stored.text).result).toMatchObject({ key: 'a b/ü.bin', size: '5' })
  expect((await query('insert into notes (text) values (?)', ['from api'])).result[0].meta.changes).toBe(1)
  expect((await cloud.get('app', '/write')).text).toBe('["api value","bytes",["from api","from worker"]]')

  const readAll = async (at: TestCloud) => {
    const object = await raw(at, 'GET', `${r2}/app-files/objects/folder%2Ffrom%20worker.txt`)
    const rows = await at.call('POST', `${d1}/app-db/raw`, { sql: 'select count(*) as n, 1 as n from notes' })
    return [
      (await raw(at, 'GET', `${kv}/${id}/values/from-worker`)).text,
      (await at.call('GET', `${kv}/${id}/metadata/from-worker`)).result,
      [object.text, object.headers.get('content-type')],
      rows.result[0].results,
    ]
  }
  const expected = [
    'kv value',
    { by: 'worker' },
    ['r2 value', 'text/plain'],
    { columns: ['n', 'n'], rows: [[2, 1]] },
  ]
  expect(await readAll(cloud)).toEqual(expected)
  await cloud.stop()
  const again = await startCloud(dataDir)
  expect(await readAll(again)).toEqual(expected)

  // A deleted store is gone for the Worker, too, and no version that needs it can be deployed.
  expect((await again.call('DELETE', `${r2}/app-files`)).code).toBe(10008)
  expect((await again.call('DELETE', `${d1}/${uuid}`)).status).toBe(200)
  expect((await again.call('GET', `${d1}/${uuid}`)).code).toBe(7404)
  expect((await again.get('app')).status).toBe(500)
  const { versions } = (await again.script('GET', 'app/deployments')).result.deployments[0]
  expect((await again.deploy('app', versions[0].version_id)).code).toBe(10181)
}, 120_000)

test('KV: titles, keys, values, expirations and bulk changes', async () => {
  const cloud = await startCloud()
  const create = (title: unknown) => cloud.call('POST', kv, { title })
  const { id } = (await create('one')).result
  expect([(await create('one')).code, (await create('')).code]).toEqual([10014, 10019])
  const other = (await create('two')).result
  expect((await cloud.call('PUT', `${kv}/${other.id}`, { title: 'one' })).code).toBe(10014)
  expect((await cloud.call('PUT', `${kv}/${other.id}`, { title: 'alpha' })).result.title).toBe('alpha')
  const titles = async (query: string) =>
    (await cloud.call('GET', `${kv}${query}`)).result.map(({ title }: { title: string }) => title)
  expect(await titles('?order=title&direction=desc')).toEqual(['one', 'alpha'])
  expect(await titles('?per_page=1&page=2')).toEqual(['one'])

  const entries = Array.from({ length: 25 }, (_, at) => ({ key: `k${at + 10}`, value: String(at) }))
  const soon = Math.floor(Date.now() / 1000) + 3600
  const special = [
    { key: 'binary', value: 'AAEC', base64: true, metadata: { m: 1 } },
    { key: 'expiring', value: '{"a":1}', expiration: soon },
  ]
  expect((await cloud.call('PUT', `${kv}/${id}/bulk`, [...entries, ...special])).status).toBe(200)
  const first = await cloud.call('GET', `${kv}/${id}/keys?limit=20&prefix=k`)
  const rest = await cloud.call(
    'GET',
    `${kv}/${id}/keys?limit=20&prefix=k&cursor=${first.body.result_info.cursor}`,
  )
  expect([first.result.length, rest.result.length, rest.body.result_info.cursor]).toEqual([20, 5, ''])
  const keys = (await cloud.call('GET', `${kv}/${id}/keys`)).result
  expect(keys).toContainEqual({ name: 'expiring', expiration: soon })
  expect(keys).toContainEqual({ name: 'binary', metadata: { m: 1 } })
  expect((await raw(cloud, 'GET', `${kv}/${id}/values/binary`)).text).toBe('\u0000\u0001\u0002')
  const wanted = { keys: ['expiring', 'none'], type: 'json', withMetadata: true }
  expect((await cloud.call('POST', `${kv}/${id}/bulk/get`, wanted)).result.values).toEqual({
    expiring: { value: { a: 1 }, metadata: null, expiration: soon },
    none: null,
  })
  await cloud.call('DELETE', `${kv}/${id}/bulk`, ['k10', 'k11'])
  await cloud.call('POST', `${kv}/${id}/bulk/delete`, ['k12'])
  expect((await raw(cloud, 'DELETE', `${kv}/${id}/values/k13`)).status).toBe(200)
  expect((await cloud.call('GET', `${kv}/${id}/keys?prefix=k`)).result).toHaveLength(21)
  expect((await cloud.call('PUT', `${kv}/${id}/bulk`, [])).code).toBe(10029)
  const short = await raw(cloud, 'PUT', `${kv}/${id}/values/x?expiration_ttl=5`, 'x')
  expect([short.status, short.text]).toEqual([400, expect.stringMatching(/60/)])
  expect((await raw(cloud, 'GET', `${kv}/${id}/values/none`)).status).toBe(404)
  expect((await cloud.call('DELETE', `${kv}/${id}`)).status).toBe(200)
  expect((await cloud.call('GET', `${kv}/${id}/keys`)).code).toBe(10013)
}, 120_000)

test('D1: several statements in one transaction, parameters, errors, and time travel', async () => {
  const cloud = await startCloud()
  const { uuid } = (await cloud.call('POST', d1, { name: 'data' })).result
  expect((await cloud.call('POST', d1, { name: 'data' })).code).toBe(7502)
  const query = (body: object, at = uuid) => cloud.call('POST', `${d1}/${at}/query`, body)
  const script = `create table t (a text); -- a comment; with a semicolon
    create trigger copy after insert on t when new.a = 'x;y' begin insert into t values ('copied; end;'); end;
    insert into t values ('x;y');`
  expect((await query({ sql: script })).result).toHaveLength(3)
  const two = await query({
    sql: 'insert into t values (?); select ?2 as b, ?1 as a',
    params: ['1', '2', '3'],
  })
  expect(two.result[1].results).toEqual([{ b: '3', a: '2' }])
  const broken = await query({ sql: `insert into t values ('lost'); insert into nowhere values (1)` })
  expect([broken.code, broken.message]).toEqual([7500, expect.stringMatching(/no such table: nowhere/)])
  const rows = async () =>
    (await query({ sql: 'select a from t' }, 'data')).result[0].results.map(({ a }: { a: string }) => a)
  expect(await rows()).toEqual(['x;y', 'copied; end;', '1'])
  expect((await cloud.call('GET', `${d1}/data`)).result).toMatchObject({ uuid, name: 'data', num_tables: 1 })

  const bookmarkNow = async () =>
    (await cloud.call('GET', `${d1}/${uuid}/time_travel/bookmark`)).result.bookmark
  const before = await bookmarkNow()
  expect(await bookmarkNow()).toBe(before)
  await query({ batch: [{ sql: 'delete from t' }, { sql: 'insert into t values (?)', params: ['new'] }] })
  const restored = await cloud.call('POST', `${d1}/${uuid}/time_travel/restore?bookmark=${before}`)
  expect(restored.result.bookmark).toBe(before)
  expect(await rows()).toEqual(['x;y', 'copied; end;', '1'])
  await cloud.call('POST', `${d1}/${uuid}/time_travel/restore?bookmark=${restored.result.previous_bookmark}`)
  expect(await rows()).toEqual(['new'])
  expect((await cloud.call('POST', `${d1}/${uuid}/time_travel/restore?bookmark=other`)).code).toBe(7400)

  // An export is SQL that an import accepts; a file that fails changes nothing.
  const exported = async (options: object) => {
    const body = { output_format: 'polling', dump_options: options }
    const { result } = (await cloud.call('POST', `${d1}/${uuid}/export`, body)).result
    return await (await fetch(result.signed_url)).text()
  }
  const copy = (await cloud.call('POST', d1, { name: 'copy' })).result.uuid
  const move = (body: object) => cloud.call('POST', `${d1}/${copy}/import`, body)
  const imported = async (sql: string) => {
    const etag = createHash('md5').update(sql).digest('hex')
    const { upload_url: url, filename } = (await move({ action: 'init', etag })).result
    const missing = await move({ action: 'ingest', etag, filename })
    expect(missing.result.error).toMatch(/was not uploaded/)
    expect((await fetch(url, { method: 'PUT', body: 'other' })).status).toBe(400)
    const uploaded = await fetch(url, { method: 'PUT', body: sql })
    expect([uploaded.status, uploaded.headers.get('etag')]).toEqual([200, `"${etag}"`])
    return (await move({ action: 'ingest', etag, filename })).result
  }
  expect(await exported({ no_data: true })).not.toContain('INSERT')
  expect(await exported({ no_schema: true, tables: ['t'] })).not.toContain('CREATE')
  const whole = await exported({})
  expect(await imported(whole)).toMatchObject({
    success: true,
    status: 'complete',
    result: { num_queries: 4 },
  })
  expect((await query({ sql: 'select a from t' }, copy)).result[0].results).toEqual([{ a: 'new' }])
  const failed = await imported('delete from t; insert into nowhere values (1)')
  expect([failed.success, failed.error]).toEqual([false, expect.stringMatching(/no such table: nowhere/)])
  expect((await query({ sql: 'select a from t' }, copy)).result[0].results).toEqual([{ a: 'new' }])
  expect((await move({ action: 'poll', current_bookmark: 'x' })).result.error).toMatch(
    /^Not currently importing/,
  )
  for (const name of ['../state.sqlite', `${copy}.${'0'.repeat(32)}.sql`])
    expect((await fetch(`${cloud.url}/capstan/transfers/${name}`)).status).toBe(404)
}, 120_000)
