import { createHash } from 'node:crypto'
import { Agent } from 'undici'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCloudHttp } from '../../../src/deployments/cloudflare/http.ts'
import { createResourceApi } from '../../../src/deployments/cloudflare/resources/index.ts'
import { migrateDatabase, statements } from '../../../src/deployments/execution/steps/migrate-database.ts'
import { provisionResources } from '../../../src/deployments/execution/steps/provision-resources.ts'
import type { Basis } from '../../../src/deployments/model/app-state.ts'
import type { PlanConfig } from '../../../src/deployments/model/plan.ts'
import { unappliedMigrations } from '../../../src/deployments/plans/parts/database-migrations.ts'
import { lookUpResources } from '../../../src/deployments/plans/parts/resources.ts'
import type { Deployment, DeploymentChange } from '../../../src/deployments/store/index.ts'
import { startFakeAccount } from './fake-account.ts'

const accountId = 'a'.repeat(32)
const dispatcher = new Agent()
let account: Awaited<ReturnType<typeof startFakeAccount>>
beforeEach(async () => {
  account = await startFakeAccount(accountId)
})
afterEach(async () => {
  await account.stop()
  expect(account.violations).toEqual([])
})
afterAll(() => dispatcher.destroy())

const configOf = (config: Partial<PlanConfig>): PlanConfig => ({
  script: 'shop',
  durableObjects: [],
  environmentVars: {},
  healthCheck: { path: '/', expectStatus: 200, timeoutSeconds: 10 },
  migrations: { deletedClasses: [], renamedClasses: [] },
  ...config,
})
const provision = (name: string, create = true) => ({ provision: { name, create } })
const every = configOf({
  bindings: [
    { type: 'kv_namespace', name: 'CACHE', ...provision('shop-cache') },
    { type: 'd1', name: 'DB', ...provision('shop-db') },
    { type: 'r2_bucket', name: 'FILES', ...provision('shop-files') },
    { type: 'queue', name: 'JOBS', ...provision('jobs') },
  ],
  queueConsumers: [
    { queue: 'jobs', dead_letter_queue: 'dead', create: true, settings: {} },
    { queue: 'other', settings: {} },
  ],
})

/** A deployment in this process: what it remembers, and what it says. */
function deploymentOf(config: PlanConfig, files: Record<string, string> = {}) {
  const target = {
    resources: createResourceApi(
      createCloudHttp({
        baseUrl: account.baseUrl,
        apiToken: 'token-of-the-test',
        dispatcher,
        answerMs: 2000,
      }),
      accountId,
    ),
  }
  const deployment: Pick<Deployment, 'resources' | 'databases'> = { resources: null, databases: null }
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const signal = AbortSignal.timeout(20_000)
  const state: Pick<Basis, 'resources'> = {}
  const blobs = new Map(Object.values(files).map((text) => [digestOf(text), text]))
  const context = () => ({
    deployment,
    plan: { config, basis: { ...emptyBasis, ...state } },
    ...{ target, signal },
    log: { info: say, warn: say, flush: async () => undefined },
    async remember({ resources, databases }: DeploymentChange) {
      deployment.resources = { ...deployment.resources, ...resources }
      deployment.databases = { ...databases, ...deployment.databases }
    },
    async *readBlob(digest: string) {
      yield Buffer.from(blobs.get(digest) ?? '')
    },
  })
  return {
    ...{ deployment, lines, target, signal },
    async prepare(scripts: string[] = []) {
      const found = await lookUpResources({ config, target, scripts, signal })
      state.resources = found
      return found
    },
    unapplied: () => unappliedMigrations({ config, target, signal }, state.resources ?? {}),
    provision: () => provisionResources(context()),
    migrate: () => migrateDatabase(context()),
  }
}

const emptyBasis: Basis = {
  ...{ exists: true, traffic: [], migrationTag: null, hasAssets: false, bindings: [], workersDev: true },
  ...{ previewUrls: false, settings: {}, hostnames: {}, ended: {} },
  compatibility: { date: null, flags: [] },
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')
const created = (path: string) => account.calls.filter((call) => call === `POST ${path}`).length

describe('resources that a plan names', () => {
  test('are created once, and a second deployment finds them', async () => {
    const first = deploymentOf(every)
    expect(await first.prepare()).toEqual({
      CACHE: null,
      DB: null,
      FILES: null,
      JOBS: null,
      'queue dead': null,
    })
    await first.provision()
    expect(account.namespaces.map(({ title }) => title)).toEqual(['shop-cache'])
    expect([account.buckets, account.queues]).toEqual([['shop-files'], ['jobs', 'dead']])
    expect(first.deployment.resources).toMatchObject({
      CACHE: { id: account.namespaces[0]?.id, created: true },
      DB: { id: [...account.databases.keys()][0], created: true },
      FILES: { id: 'shop-files', created: true },
      JOBS: { id: 'jobs', created: true },
    })
    const second = deploymentOf(every)
    await second.prepare()
    await second.provision()
    expect(second.deployment.resources?.CACHE).toMatchObject({
      id: account.namespaces[0]?.id,
      created: false,
    })
    expect(account.namespaces).toHaveLength(1)
    expect(second.lines).toContain('Found the KV namespace shop-cache')
  })

  test.each(['/storage/kv/namespaces', '/d1/database', '/r2/buckets', '/queues'])(
    'are not created again if the answer of %s was lost',
    async (path) => {
      const run = deploymentOf(every)
      await run.prepare()
      account.fault({ method: 'POST', path: new RegExp(`${path}$`), kind: 'lose' })
      await expect(run.provision()).rejects.toThrow()
      await run.provision()
      expect(created(path)).toBe(path === '/queues' ? 2 : 1)
      expect(Object.keys(run.deployment.resources ?? {})).toHaveLength(5)
      expect(Object.values(run.deployment.resources ?? {}).every((each) => each.created)).toBe(true)
    },
  )

  test('are adopted if another client was faster', async () => {
    const run = deploymentOf(every)
    await run.prepare()
    account.buckets.push('shop-files')
    await run.provision()
    expect(created('/r2/buckets')).toBe(0)
  })

  test('are refused by their bindings, all at once, if they may not be created', async () => {
    const run = deploymentOf(
      configOf({
        bindings: [
          { type: 'kv_namespace', name: 'CACHE', ...provision('absent', false) },
          { type: 'kv_namespace', name: 'GIVEN', namespace_id: 'f'.repeat(32) },
          { type: 'd1', name: 'DB', id: '00000000-0000-4000-8000-00000000dead' },
          { type: 'r2_bucket', name: 'FILES', bucket_name: 'absent-bucket' },
          { type: 'queue', name: 'JOBS', queue_name: 'absent-queue' },
          { type: 'service', name: 'AUTH', service: 'auth' },
          { type: 'service', name: 'SELF', service: 'shop' },
        ],
      }),
    )
    await expect(run.prepare(['other'])).rejects.toMatchObject({
      code: 'STATE_003',
      message:
        'Resources of these bindings do not exist: CACHE (KV namespace absent), GIVEN (KV namespace), DB (D1 database), FILES (R2 bucket), JOBS (queue), AUTH (Worker auth)',
    })
    expect(account.calls.filter((call) => call.startsWith('POST'))).toEqual([])
  })

  test('with given ids are not looked up if the token may not read them', async () => {
    const run = deploymentOf(configOf({ bindings: [{ type: 'kv_namespace', name: 'A', namespace_id: 'x' }] }))
    account.fault({
      ...{ method: 'GET', path: /namespaces/ },
      kind: { status: 403, code: 10000, message: 'Authentication error' },
    })
    expect(await run.prepare()).toEqual({})
  })

  test('that were deleted since the plan was made are not created silently', async () => {
    account.buckets.push('shop-files')
    const run = deploymentOf(every)
    await run.prepare()
    account.buckets.length = 0
    await expect(run.provision()).rejects.toMatchObject({
      code: 'STATE_001',
      message: expect.stringContaining('the R2 bucket shop-files was deleted'),
    })
    expect(account.buckets).toEqual([])
  })

  test('are found beyond the first page of a list', async () => {
    for (let at = 0; at < 250; at++)
      account.namespaces.push({ id: `${at}`.padStart(32, 'f'), title: `n-${at}` })
    const bindings = [{ type: 'kv_namespace', name: 'A', ...provision('n-240') }]
    expect(await deploymentOf(configOf({ bindings })).prepare()).toEqual({ A: '240'.padStart(32, 'f') })
  })
})

describe('database migrations', () => {
  const files = {
    '0001_users.sql': 'CREATE TABLE users (id INTEGER PRIMARY KEY);\nINSERT INTO users VALUES (1);',
    "0002_it's.sql": 'CREATE TABLE posts (id INTEGER) -- no semicolon',
    '0003_more.sql': '\uFEFFALTER TABLE users ADD COLUMN name TEXT',
  }
  const config = (given: Record<string, string>) =>
    configOf({
      bindings: [{ type: 'd1', name: 'DB', ...provision('shop-db') }],
      databases: [
        {
          ...{ binding: 'DB', table: 'd1_migrations' },
          files: Object.entries(given).map(([name, text]) => ({ name, digest: digestOf(text) })),
        },
      ],
    })
  const runOf = async (given: Record<string, string>) => {
    const run = deploymentOf(config(given), given)
    await run.prepare()
    return run
  }
  const databaseId = () => [...account.databases.keys()][0] ?? ''
  const rows = (sql: string) => account.databases.get(databaseId())?.db.prepare(sql).all()
  const two = { '0001_users.sql': files['0001_users.sql'], '0003_more.sql': files['0003_more.sql'] }

  test('are applied in order with their records, and not again by a second deployment', async () => {
    const run = await runOf(two)
    expect(await run.unapplied()).toEqual([{ binding: 'DB', files: Object.keys(two) }])
    await run.provision()
    await run.migrate()
    expect(rows('SELECT name FROM d1_migrations ORDER BY id')).toEqual(
      Object.keys(two).map((name) => ({ name })),
    )
    expect(rows('SELECT * FROM users')).toEqual([{ id: 1, name: null }])
    expect(run.deployment.databases).toEqual({
      DB: {
        id: databaseId(),
        bookmark: expect.stringMatching(/^bookmark-/),
        table: 'd1_migrations',
        before: [],
      },
    })
    const again = await runOf(two)
    expect(await again.unapplied()).toEqual([])
    await again.provision()
    const before = account.calls.length
    await again.migrate()
    expect(again.deployment.databases).toEqual({})
    expect(account.calls.slice(before).every((call) => call.endsWith('/query'))).toBe(true)
  })

  test('are applied once although an answer was lost; the first bookmark stays', async () => {
    const run = await runOf(two)
    await run.provision()
    account.fault({ method: 'GET', path: /bookmark$/, kind: 'lose' })
    // The first query that writes: the table of migrations, then the first file.
    await run.migrate()
    const bookmark = run.deployment.databases?.DB?.bookmark
    expect(bookmark).toBeDefined()
    const more = deploymentOf(config(files), files)
    await more.prepare()
    await more.provision()
    const writes = /query$/
    for (let skipped = 0; skipped < 4; skipped++) {
      account.fault({ method: 'POST', path: writes, kind: 'lose' })
      await more.migrate().catch(() => undefined)
    }
    await more.migrate()
    expect(rows('SELECT count(*) AS count FROM d1_migrations')).toEqual([{ count: 3 }])
    expect(rows('SELECT count(*) AS count FROM users')).toEqual([{ count: 1 }])
  })

  test('that fail are not applied at all; those before them stay, and are named with the way on', async () => {
    const bad = { ...two, '0004_bad.sql': 'CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1);' }
    const run = await runOf(bad)
    await run.provision()
    await expect(run.migrate()).rejects.toMatchObject({
      code: 'DEPLOY_001',
      retryable: false,
      message: expect.stringContaining(
        'The migration 0004_bad.sql of DB failed and was not applied: no such table',
      ),
    })
    expect(account.tables(databaseId())).not.toContain('half')
    expect(rows('SELECT count(*) AS count FROM d1_migrations')).toEqual([{ count: 2 }])
  })

  test.each([
    ['CREATE TABLE a (id)', '\n;'],
    ['CREATE TABLE a (id);\n\n', ''],
    ['CREATE TABLE a (id) -- all of it;', '\n;'],
    ['CREATE TABLE a (id); /* ; */ -- end', ''],
    ["INSERT INTO a VALUES ('--;')", '\n;'],
    ['-- nothing', ''],
    ['', ''],
  ])('a file %j ends before its record begins', (text, end) => {
    const record = `INSERT INTO "m" (name) values ('it''s');`
    expect(statements(text, { table: 'm', name: "it's" })).toBe(`${text}${end}\n${record}`)
  })
})
