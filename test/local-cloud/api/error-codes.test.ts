import { mkdtempSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RateLimit } from '../../../src/local-cloud/api/access.ts'
import { type LocalCloud, startLocalCloud } from '../../../src/local-cloud/index.ts'
import { silent } from '../../helpers/context.ts'
import { createInlineRuntime } from '../../helpers/inline-runtime.ts'
import {
  accountId,
  clientOf,
  counter,
  counterBinding,
  firstMigration,
  hello,
  type Module,
  type Reply,
  startCloud,
  temporaryDir,
  token,
  versionIdOf,
} from '../harness.ts'

const main = (content: string): Module[] => [{ name: 'main.js', content }]
const secret = { type: 'secret_text', name: 'KEY', text: 'a-text' }
const nowhere = '00000000-0000-4000-8000-000000000000'
const account = `/accounts/${accountId}`
const bindings = [counterBinding()]
const more = main(`${counter('more')[0]?.content}\nexport class More {}`)
const plain = (name: string, text = '') => ({ type: 'plain_text', name, text })

type Client = ReturnType<typeof clientOf>
const directory = mkdtempSync(join(tmpdir(), 'local-cloud-codes-'))
let local: LocalCloud
let cloud: Client
beforeAll(async () => {
  const runtime = createInlineRuntime()
  const about = { host: '127.0.0.1', port: 0, dataDir: directory, token, accountId, log: silent, runtime }
  local = await startLocalCloud(about)
  cloud = clientOf(local)
})
afterAll(async () => {
  await local.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** A Worker at migration tag v1 with the class Counter. */
const counting = (name: string, changes: object = {}) =>
  cloud.put(name, { bindings, migrations: firstMigration, ...changes }, counter('one'))
const next = (changes: object) => ({ old_tag: 'v1', new_tag: 'v2', ...changes })
const share = (...shares: [string, number][]) => ({
  strategy: 'percentage',
  versions: shares.map(([version_id, percentage]) => ({ version_id, percentage })),
})

interface Case {
  code: number
  status: number
  when: string
  message: RegExp
  /** Makes the request. `name` is unique to the case, so that only the state of its Worker decides the response. */
  answer(name: string): Promise<Reply>
}

const cases: Case[] = [
  {
    code: 7000,
    status: 404,
    when: 'the path does not exist',
    message: /No route/,
    answer: () => cloud.call('GET', `${account}/nothing`),
  },
  {
    code: 7001,
    status: 405,
    when: 'the path does not support the method',
    message: /Method/,
    answer: () => cloud.call('PATCH', '/user'),
  },
  {
    code: 10300,
    status: 400,
    when: 'the local cloud does not support the feature',
    message: /does not support Hyperdrive/,
    answer: () => cloud.call('GET', `${account}/hyperdrive/configs`),
  },
  ...[
    { code: 10041, what: 'a KV namespace', binding: { type: 'kv_namespace', namespace_id: 'f'.repeat(32) } },
    { code: 10085, what: 'an R2 bucket', binding: { type: 'r2_bucket', bucket_name: 'none' } },
    { code: 10143, what: 'a Worker', binding: { type: 'service', service: 'nobody' } },
    { code: 10143, what: 'a class', binding: { ...counterBinding(), script_name: 'nobody' } },
    { code: 10181, what: 'a D1 database', binding: { type: 'd1', id: nowhere, database_id: nowhere } },
  ].map(({ code, what, binding }) => ({
    ...{ code, status: 400, message: /binding IT: .*not found/i },
    when: `a binding refers to ${what} that does not exist`,
    answer: (name: string) => cloud.put(name, { bindings: [{ ...binding, name: 'IT' }] }),
  })),
  {
    code: 10144,
    status: 400,
    when: 'a service binding names an entrypoint that the Worker lacks',
    message: /no entrypoint named 'Nobody'/,
    async answer(name) {
      const it = { type: 'service', name: 'IT', service: `${name}-target`, entrypoint: 'Nobody' }
      await cloud.put(it.service, {})
      return await cloud.put(name, { bindings: [it] })
    },
  },
  {
    code: 7003,
    status: 404,
    when: 'the account id is of another account',
    message: /object identifier/,
    answer: () => cloud.call('GET', `/accounts/${'f'.repeat(32)}/workers/scripts`),
  },
  {
    code: 9109,
    status: 403,
    when: 'the zone does not exist',
    message: /zone identifier/,
    answer: () => cloud.call('GET', `/zones/${'f'.repeat(32)}/dns_records`),
  },
  {
    code: 10007,
    status: 404,
    when: 'the Worker does not exist',
    message: /does not exist/,
    answer: (name) => cloud.script('GET', `${name}/versions`),
  },
  {
    code: 10016,
    status: 400,
    when: 'a name is not a valid host name',
    message: /Worker name/,
    answer: () => cloud.put('Not_A_Host', {}),
  },
  {
    code: 10021,
    status: 400,
    when: 'the code does not start',
    message: /broken at start/,
    answer: (name) => cloud.put(name, {}, main("throw new Error('broken at start')")),
  },
  {
    code: 10026,
    status: 400,
    when: 'the percentages do not sum to 100',
    message: /sum to 100/,
    answer: async (name) => {
      const id = versionIdOf(await cloud.put(name, {}))
      return await cloud.script('POST', `${name}/deployments`, share([id, 99]))
    },
  },
  {
    code: 10027,
    status: 413,
    when: 'the total size of the modules is too large',
    message: /size limit/,
    answer: (name) =>
      cloud.put(name, {}, [
        ...main(hello('x')),
        { name: 'big.bin', content: new Uint8Array(64 * 2 ** 20), type: 'application/octet-stream' },
      ]),
  },
  {
    code: 10036,
    status: 409,
    when: 'the account has another workers.dev subdomain',
    message: /already has/,
    answer: () => cloud.call('PUT', `${account}/workers/subdomain`, { subdomain: 'another' }),
  },
  {
    code: 10054,
    status: 400,
    when: 'a variable is over 5 KB',
    message: /'LARGE' is over 5 KB/,
    answer: (name) => cloud.put(name, { bindings: [plain('LARGE', 'x'.repeat(5121))] }),
  },
  {
    code: 10055,
    status: 400,
    when: 'a secret exceeds the maximum number',
    message: /at most 128/,
    answer: async (name) => {
      const full = Array.from({ length: 128 }, (_, at) => plain(`V${at}`))
      expect((await cloud.put(name, { bindings: full })).status).toBe(200)
      return await cloud.script('PUT', `${name}/secrets`, secret)
    },
  },
  {
    code: 10056,
    status: 404,
    when: 'the secret to delete does not exist',
    message: /not found/,
    answer: async (name) => {
      await cloud.put(name, {})
      return await cloud.script('DELETE', `${name}/secrets/KEY`)
    },
  },
  {
    code: 10057,
    status: 400,
    when: 'the latest version lacks an inherited binding',
    message: /'GONE' does not exist/,
    answer: async (name) => {
      await cloud.put(name, {})
      const inherit = [{ type: 'inherit', name: 'GONE' }]
      return await cloud.upload(name, { bindings: inherit }, undefined, '?bindings_inherit=strict')
    },
  },
  {
    code: 10061,
    status: 400,
    when: 'a binding names a class without a migration',
    message: /not currently configured/,
    answer: (name) => cloud.put(name, { bindings }, counter('one')),
  },
  {
    code: 10064,
    status: 400,
    when: 'the code no longer exports a class with Durable Objects',
    message: /does not export class 'Counter'/,
    answer: async (name) => {
      await counting(name)
      return await cloud.put(name, {})
    },
  },
  {
    code: 10064,
    status: 400,
    when: 'deleting a Worker would delete Durable Objects, without force',
    message: /force=true/,
    answer: async (name) => {
      await counting(name)
      return await cloud.script('DELETE', name)
    },
  },
  {
    code: 10068,
    status: 400,
    when: 'the code exports no handler',
    message: /No event handlers/,
    answer: (name) => cloud.put(name, {}, main('const nothing = 1')),
  },
  {
    code: 10070,
    status: 400,
    when: 'a migration creates a class that the code does not export',
    message: /not exported/,
    answer: (name) => cloud.put(name, { migrations: firstMigration }),
  },
  {
    code: 10074,
    status: 400,
    when: 'a migration creates a class that exists',
    message: /already depended on/,
    answer: async (name) => {
      await counting(name)
      return await counting(name, { migrations: next({ new_sqlite_classes: ['Counter'] }) })
    },
  },
  {
    code: 10079,
    status: 412,
    when: 'the old tag of a migration is not the current one',
    message: /has tag "v1"/,
    answer: async (name) => {
      await counting(name)
      return await counting(name)
    },
  },
  {
    code: 10090,
    status: 404,
    when: 'the service does not exist',
    message: /does not exist/,
    answer: (name) => cloud.call('GET', `${account}/workers/services/${name}`),
  },
  {
    code: 10123,
    status: 400,
    when: 'a rollback crosses a migration',
    message: /uploaded at migration tag v1, the Worker is at v3/,
    answer: async (name) => {
      const first = versionIdOf(await counting(name))
      await cloud.put(name, { bindings, migrations: next({ new_sqlite_classes: ['More'] }) }, more)
      const third = { old_tag: 'v2', new_tag: 'v3', deleted_classes: ['More'] }
      await cloud.put(name, { bindings, migrations: third }, counter('three'))
      return await cloud.deploy(name, first, '?force=true')
    },
  },
  {
    code: 10211,
    status: 400,
    when: 'a version carries a migration',
    message: /full upload/,
    answer: async (name) => {
      await counting(name)
      const migrations = next({ new_sqlite_classes: ['More'] })
      return await cloud.upload(name, { bindings, migrations }, more)
    },
  },
  {
    code: 10215,
    status: 400,
    when: 'the latest version, on which a secret change is based, is not deployed',
    message: /not currently deployed/,
    answer: async (name) => {
      await cloud.put(name, {})
      await cloud.upload(name, {})
      return await cloud.script('PUT', `${name}/secrets`, secret)
    },
  },
  {
    code: 10220,
    status: 400,
    when: 'a rollback crosses a change of secrets, without force',
    message: /force=true/,
    answer: async (name) => {
      const first = versionIdOf(await cloud.put(name, {}))
      await cloud.script('PUT', `${name}/secrets`, secret)
      return await cloud.deploy(name, first)
    },
  },
  {
    code: 10336,
    status: 404,
    when: 'the deployment does not exist',
    message: /not found/,
    answer: async (name) => {
      await cloud.put(name, {})
      return await cloud.script('GET', `${name}/deployments/${nowhere}`)
    },
  },
  {
    code: 100146,
    status: 404,
    when: 'one of the versions to deploy does not exist',
    message: /not found/,
    answer: async (name) => {
      const id = versionIdOf(await cloud.put(name, {}))
      return await cloud.script('POST', `${name}/deployments`, share([id, 50], [nowhere, 50]))
    },
  },
]

test.each(cases)('$code when $when', async ({ answer, code, status, message }) => {
  const reply = await answer(`case-${cases.findIndex((each) => each.answer === answer)}`)
  expect([reply.status, reply.code, reply.message]).toEqual([status, code, expect.stringMatching(message)])
  expect(reply.body).toMatchObject({ success: false, result: null })
})

const unauthorized: [number, number, string, Record<string, string>][] = [
  [1000, 401, '/user/tokens/verify', { authorization: 'Bearer wrong' }],
  [6003, 400, '/accounts', { authorization: 'Basic abc' }],
  [9106, 400, '/accounts', {}],
  [10000, 401, '/accounts', { authorization: 'Bearer wrong' }],
]
test.each(unauthorized)('%i without the right token (HTTP %i)', async (code, status, path, headers) => {
  const response = await fetch(`${local.url}/client/v4${path}`, { headers })
  const { errors } = (await response.json()) as { errors: { code: number }[] }
  expect([response.status, errors[0]?.code]).toEqual([status, code])
})

/** Starts a cloud on a database that `sql` changed before. */
async function startWith(sql: (db: DatabaseSync) => void) {
  const dataDir = temporaryDir()
  await (await startCloud(dataDir)).stop()
  const db = new DatabaseSync(join(dataDir, 'state.sqlite'))
  sql(db)
  db.close()
  return await startCloud(dataDir)
}

test('10037 when the account has the maximum number of Workers', async () => {
  const full = await startWith((db) => {
    const add = db.prepare("insert into scripts (name, tag, created_on, modified_on) values (?, ?, '', '')")
    for (let at = 0; at < 500; at++) add.run(`full-${at}`, String(at))
  })
  expect((await full.put('one-more', {})).code).toBe(10037)
})

test('10063 when the account has no workers.dev subdomain', async () => {
  const bare = await startWith((db) => db.exec('update account set subdomain = null'))
  expect((await bare.put('first', {})).code).toBe(10063)
  expect((await bare.call('GET', `${account}/workers/subdomain`)).code).toBe(10007)
})

test('10222 when a Worker has no versions', async () => {
  const bare = await startWith((db) =>
    db.exec("insert into scripts (name, tag, created_on, modified_on) values ('empty', 't', '', '')"),
  )
  expect((await bare.script('PUT', 'empty/secrets', secret)).code).toBe(10222)
})

test('10013 when the rate limit is exceeded, until the window ends', () => {
  const headers = new Map<string, string>()
  const res = { setHeader: (name: string, value: string) => headers.set(name, value) }
  const take = (limit: RateLimit, now: number) => limit.take(res as unknown as ServerResponse, now)
  const limit = new RateLimit()
  for (let at = 0; at < 12_000; at++) take(limit, 1000)
  expect(headers.get('ratelimit')).toBe('"default";r=0;t=300')
  expect(headers.has('retry-after')).toBe(false)
  expect(() => take(limit, 2000)).toThrow(expect.objectContaining({ status: 429, code: 10013 }))
  expect(headers.get('retry-after')).toBe('299')
  take(limit, 301_000)
  expect(headers.get('ratelimit')).toBe('"default";r=11999;t=300')
})
