import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type LocalCloud, startLocalCloud } from '../../../src/local-cloud/index.ts'
import { silent } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'
import { accountId, getText, token } from '../../local-cloud/harness.ts'
import { wranglerFor } from './run.ts'
import { writeTourProject } from './tour-project.ts'

// Each command takes two seconds of processor time. What `deploy`, `versions` and `secret` do is in wrangler.test.ts.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 60_000 })

const directory = mkdtempSync(join(tmpdir(), 'wrangler-tour-'))
let cloud: LocalCloud
let project: ReturnType<typeof writeTourProject>
let wrangler: ReturnType<typeof wranglerFor>

beforeAll(async () => {
  const dataDir = join(directory, 'cloud')
  cloud = await startLocalCloud({ host: '127.0.0.1', port: 0, dataDir, token, accountId, log: silent })
  project = writeTourProject(join(directory, 'app'))
  const target = { url: cloud.url, token, accountId, directory: join(directory, 'app'), home: directory }
  wrangler = wranglerFor(target, 'wrangler-tour')
})

afterAll(async () => {
  await cloud?.stop()
  rmSync(directory, { recursive: true, force: true })
  console.info(
    `wrangler's own output: ${wrangler.artifacts} (${readdirSync(wrangler.artifacts).length} files)`,
  )
})

/** Runs a command that must succeed. @returns its output */
async function ok(args: string | string[], input?: string): Promise<string> {
  const list = typeof args === 'string' ? args.split(' ') : args
  const { code, output } = await wrangler.run(list, input)
  expect([list.join(' '), code, output]).toEqual([list.join(' '), 0, output])
  return output
}

/** The JSON that a command prints. */
const json = async (args: string) => JSON.parse((await wrangler.run(args.split(' '))).answer)
const visit = async (path = '/') => JSON.parse((await getText(cloud, 'tour.localhost', path)).text)
const hexadecimal = (output: string) => /"id": "([0-9a-f]{32})"/.exec(output)?.[1] ?? ''
const uuid = (output: string) => /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(output)?.[0] ?? ''
const made = { namespace: '', database: '' }

test('makes a namespace, a bucket, a database and queues, which its lists then have', async () => {
  made.namespace = hexadecimal(await ok('kv namespace create tour-cache'))
  expect(await json('kv namespace list')).toMatchObject([{ id: made.namespace, title: 'tour-cache' }])
  expect(await ok('kv namespace rename tour-cache --new-name tour-values')).toContain('Successfully renamed')
  await ok('r2 bucket create tour-files')
  expect(await ok('r2 bucket list')).toContain('tour-files')
  expect(await ok('r2 bucket info tour-files')).toMatch(/object_count: +0/)
  made.database = uuid(await ok('d1 create tour-books'))
  expect(await ok('d1 list')).toContain('tour-books')
  expect(await ok('d1 info tour-books')).toContain(made.database)
  await ok('queues create tour-jobs')
  await ok('queues create tour-dead')
  expect(await ok('queues list')).toMatch(/tour-dead/)
})

test('deploys a Worker that uses them, with a consumer and a schedule, and applies its migrations', async () => {
  project.code('one')
  project.configure({ ...made, crons: ['0 6 * * *'] })
  const output = await ok('deploy')
  expect(output).toMatch(/env\.CACHE .*KV Namespace/)
  expect(output).toContain('Consumer for tour-jobs')
  expect(output).toContain('schedule: 0 6 * * *')
  expect(await ok('d1 migrations list DB --remote')).toContain('0001_books.sql')
  expect(await ok('d1 migrations apply DB --remote')).toMatch(/0002_first\.sql +│ ✅/)
  expect(await ok('d1 migrations list DB --remote')).toContain('No migrations to apply')
  expect(await visit()).toMatchObject({ text: 'one', value: null, file: null, books: ['first; book'] })
})

test('reads and writes the keys that the Worker sees', async () => {
  const at = `--namespace-id ${made.namespace} --remote`
  await ok([...`kv key put greeting hello ${at} --metadata`.split(' '), '{"by":"wrangler"}'])
  await ok(`kv key put short gone ${at} --ttl 3600`)
  expect((await wrangler.run(`kv key get greeting ${at} --text`.split(' '))).answer).toContain('hello')
  expect(await json(`kv key list ${at} --prefix g`)).toEqual([
    { name: 'greeting', metadata: { by: 'wrangler' } },
  ])
  expect(await json(`kv key list ${at} --prefix s`)).toEqual([
    { name: 'short', expiration: expect.any(Number) },
  ])
  await ok(`kv bulk put values.json ${at}`)
  expect(await json(`kv bulk get keys.json ${at}`)).toEqual({ one: '1', two: '2' })
  await ok(`kv bulk delete keys.json ${at} --force`)
  await ok(`kv key delete short ${at}`)
  expect(await json(`kv key list ${at}`)).toEqual([{ name: 'greeting', metadata: { by: 'wrangler' } }])
  expect((await visit()).value).toBe('hello')
  const absent = await wrangler.run(`kv key get nothing ${at} --text`.split(' '))
  expect([absent.code, absent.output]).toEqual([1, expect.stringMatching(/404|not found/i)])
})

test('reads and writes the objects that the Worker sees', async () => {
  await ok('r2 object put tour-files/a/b.txt --file file.txt --content-type text/plain --remote')
  expect((await wrangler.run('r2 object get tour-files/a/b.txt --pipe --remote'.split(' '))).answer).toBe(
    'from a file\n',
  )
  expect((await visit()).file).toBe('from a file')
  const full = await wrangler.run('r2 bucket delete tour-files'.split(' '))
  expect([full.code, full.output]).toEqual([1, expect.stringMatching(/not empty/i)])
  await ok('r2 object delete tour-files/a/b.txt --remote')
  expect((await visit()).file).toBeNull()
})

test('queries the database, and restores an earlier state of it', async () => {
  const bookmark = /bookmark is '([^']+)'/.exec(await ok('d1 time-travel info tour-books'))?.[1] ?? ''
  const insert = "insert into books (name) values ('lost'); select count(*) as n from books"
  const { answer } = await wrangler.run([
    'd1',
    'execute',
    'DB',
    '--remote',
    '-y',
    '--json',
    '--command',
    insert,
  ])
  expect(JSON.parse(answer)).toMatchObject([{ success: true }, { results: [{ n: 2 }] }])
  expect((await visit()).books).toEqual(['first; book', 'lost'])
  await ok(`d1 time-travel restore tour-books --bookmark ${bookmark} --json`)
  expect((await visit()).books).toEqual(['first; book'])
  const wrong = await wrangler.run([
    'd1',
    'execute',
    'DB',
    '--remote',
    '-y',
    '--command',
    'select * from nowhere',
  ])
  expect([wrong.code, wrong.output]).toEqual([1, expect.stringMatching(/no such table: nowhere/)])
})

test('shows, pauses, purges and changes queues, and their consumers', async () => {
  await visit('/send')
  await until(async () => (await visit()).consumed === '1', { timeoutMs: 30_000 })
  const info = await ok('queues info tour-jobs')
  expect(info).toMatch(/Number of Producers: 1/)
  expect(info).toMatch(/Number of Consumers: 1/)
  await ok('queues pause-delivery tour-jobs')
  await ok('queues purge tour-jobs --force')
  await ok('queues resume-delivery tour-jobs')
  await ok('queues update tour-jobs --delivery-delay-secs 5')
  await ok('queues consumer remove tour-jobs tour')
  await ok('queues consumer add tour-jobs tour --batch-size 5 --dead-letter-queue tour-dead')
  const used = await wrangler.run('queues delete tour-jobs'.split(' '))
  expect([used.code, used.output]).toEqual([1, expect.stringMatching(/code: 11005/)])
})

test('tails requests, logs and exceptions while they happen', async () => {
  const tail = wrangler.start('tail tour --format json'.split(' '))
  // The tail is connected some time after the command has begun.
  await until(
    async () => {
      await visit('/seen')
      return tail.output().includes('/seen')
    },
    { timeoutMs: 60_000 },
  )
  await getText(cloud, 'tour.localhost', '/throw')
  await until(() => tail.output().includes('thrown on purpose'), { timeoutMs: 30_000 })
  const { output } = await tail.stop()
  expect(output).toContain('visited /seen')
  expect(output).toContain('"outcome": "exception"')
})

test('deploys triggers alone, and secrets, versions and rollbacks', async () => {
  project.configure({ ...made, crons: ['0 7 * * *', '*/5 * * * *'] })
  expect(await ok('triggers deploy')).toMatch(/schedule: 0 7 \* \* \*\n +schedule: \*\/5 \* \* \* \*/)
  await ok('secret put KEY', 'a secret')
  expect((await visit()).secret).toBe('a secret')
  project.code('two')
  await ok('deploy')
  expect(await visit()).toMatchObject({ text: 'two', secret: 'a secret' })
  expect(await ok('versions list')).toMatch(/Version ID/)
  await ok('rollback -y --message back')
  expect(await visit()).toMatchObject({ text: 'one', secret: 'a secret' })
  expect(await ok('deployments list')).toMatch(/Message: +back/)
})

test('deletes the Worker and what it used', async () => {
  await ok('queues consumer remove tour-jobs tour')
  await ok('delete --force')
  expect((await getText(cloud, 'tour.localhost')).status).toBe(404)
  await ok('queues delete tour-jobs')
  await ok('queues delete tour-dead')
  await ok('r2 bucket delete tour-files')
  await ok('d1 delete tour-books -y')
  await ok(`kv namespace delete --namespace-id ${made.namespace} -y`)
  expect(await json('kv namespace list')).toEqual([])
})
