import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalCloud, startLocalCloud } from '../../../src/local-cloud/index.ts'
import { silent } from '../../helpers/context.ts'
import { wranglerOnly } from '../../local-cloud/contract/contract.ts'
import { type StrictProxy, startStrictProxy } from '../../local-cloud/contract/strict-proxy.ts'
import { accountId, getText, token } from '../../local-cloud/harness.ts'
import { writeProject } from './project.ts'
import { wranglerFor } from './run.ts'

/** The requests of wrangler 4.164 that the published contract lacks; all others must match the contract. */
const additions = {
  routes: wranglerOnly,
  query: { 'PUT /accounts/{account_id}/workers/scripts/{script_name}': ['excludeScript'] },
  fields: [
    'code_update_strategy',
    'constraints.tiers',
    // To change an application, wrangler sends all of it.
    ...['instances', 'scheduling_policy', 'name', 'configuration.image', 'configuration.instance_type'].map(
      (field) => `PATCH ${field}`,
    ),
  ],
}

const directory = mkdtempSync(join(tmpdir(), 'wrangler-'))
let cloud: LocalCloud
let proxy: StrictProxy
let project: ReturnType<typeof writeProject>
let wrangler: ReturnType<typeof wranglerFor>

const startCloud = (port = 0) => {
  const dataDir = join(directory, 'cloud')
  return startLocalCloud({ host: '127.0.0.1', port, dataDir, token, accountId, log: silent })
}

beforeAll(async () => {
  cloud = await startCloud()
  proxy = await startStrictProxy({ additions })
  proxy.leadTo(cloud.port)
  const url = `http://127.0.0.1:${proxy.port}`
  project = writeProject(join(directory, 'app'))
  wrangler = wranglerFor(
    { url, token, accountId, directory: join(directory, 'app'), home: directory },
    'wrangler',
  )
})

afterAll(async () => {
  await proxy.stop()
  await cloud.stop()
  rmSync(directory, { recursive: true, force: true })
  console.info(
    `wrangler's own output: ${wrangler.artifacts} (${readdirSync(wrangler.artifacts).length} files)`,
  )
  expect(proxy.breaches).toEqual([])
})

/** Runs a command that must succeed. @returns its output. */
async function ok(args: string, input?: string): Promise<string> {
  const { code, output } = await wrangler.run(args.split(' '), input)
  expect([args, code, output]).toEqual([args, 0, output])
  return output
}

const json = async (args: string) => JSON.parse((await wrangler.run(args.split(' '))).answer)
let visits = 0
/** Expects the app to answer this text, and its Durable Object to have counted every visit so far. */
async function expectApp(...texts: string[]): Promise<string> {
  const { text } = await getText(cloud, 'shop.localhost')
  visits += 1
  expect(texts.map((each) => `${each} ${visits}`)).toContain(text)
  return text
}
const idIn = (output: string) => /Version ID: ([0-9a-f-]{36})/.exec(output)?.[1] ?? ''
const ids: string[] = []

test('deploys a Worker of several modules with a Durable Object and a variable', async () => {
  const output = await ok('deploy')
  ids.push(idIn(output))
  expect(output).toMatch(/counter\.js .*esm/)
  expect(output).toMatch(/env\.COUNTER \(Counter\) +Durable Object/)
  expect(output).toMatch(/env\.GREETING \("hello"\) +Environment Variable/)
  expect(output).toContain('shop.localhost')
  await expectApp('note-one hello no-key')
}, 180_000)

test('puts a secret and lists it', async () => {
  expect(await ok('secret put KEY', 'a-secret-text')).toContain('Success! Uploaded secret KEY')
  expect(await json('secret list')).toEqual([{ name: 'KEY', type: 'secret_text' }])
  await expectApp('note-one hello a-secret-text')
}, 180_000)

test('uploads, lists and shows versions, and splits the requests between two of them', async () => {
  project.note('note-two')
  const second = idIn(await ok('versions upload --tag two --message upgrade'))
  ids.push(second)
  await expectApp('note-one hello a-secret-text')
  const listed = await ok('versions list')
  expect(listed).toMatch(/Tag: +two\nMessage: +upgrade/)
  expect(listed).toMatch(/Source: +Secret Change/)
  const shown = await ok(`versions view ${second}`)
  expect(shown).toMatch(/Secret Name: +KEY/)
  expect(shown).toMatch(/Handlers: +fetch/)
  expect(listed).not.toContain('a-secret-text')
  const [, serving] = [...listed.matchAll(/Version ID: +([0-9a-f-]{36})/g)].map((match) => match[1])
  const split = await ok(`versions deploy ${second}@50 ${serving}@50 -y --message half`)
  expect(split).toMatch(/Deployed shop version .* at 50% and version .* at 50%/)
  const answers = new Set<string | undefined>()
  // With equal shares, 60 answers all come from one version once in 10^17 runs.
  const [one, two] = ['note-one hello a-secret-text', 'note-two hello a-secret-text']
  for (let at = 0; at < 60; at++) answers.add((await expectApp(one, two)).split(' ')[0])
  expect(answers).toEqual(new Set(['note-one', 'note-two']))
  await ok(`versions deploy ${second}@100 -y`)
  await expectApp('note-two hello a-secret-text')
}, 180_000)

test('lists deployments and shows the current one', async () => {
  const listed = await ok('deployments list')
  expect(listed).toMatch(/Message: +half\nVersion\(s\): +\(50%\)/)
  expect(listed).toMatch(/\(100%\) [0-9a-f-]{36}/)
  expect(await ok('deployments status')).toContain(`(100%) ${ids[1]}`)
}, 180_000)

test('deploys again and keeps the secret', async () => {
  project.note('note-three')
  ids.push(idIn(await ok('deploy --message third')))
  await expectApp('note-three hello a-secret-text')
}, 180_000)

test('rolls back to the previous or a named version; the data survives, also a restart', async () => {
  expect(await ok('rollback -y --message back')).toContain(`Current Version ID: ${ids[1]}`)
  await expectApp('note-two hello a-secret-text')
  // The first version is older than the secret: wrangler asks for confirmation, and repeats the request with force.
  expect(await ok(`rollback ${ids[0]} -y`)).toContain(`Current Version ID: ${ids[0]}`)
  await expectApp('note-one hello no-key')
  await cloud.stop()
  cloud = await startCloud(cloud.port)
  await expectApp('note-one hello no-key')
}, 180_000)

test('prints the cloud’s messages for refused requests', async () => {
  const nowhere = '00000000-0000-4000-8000-000000000000'
  const absent = await wrangler.run(['versions', 'view', nowhere])
  expect([absent.code, absent.output]).toEqual([1, expect.stringMatching(/code: 100146/)])
  const undeployed = idIn(await ok('versions upload'))
  expect(undeployed).not.toBe('')
  const early = await wrangler.run(['secret', 'put', 'KEY'], 'x')
  expect([early.code, early.output]).toEqual([
    1,
    expect.stringMatching(/latest version of your Worker isn't currently deployed/),
  ])
  project.entry(`throw new Error('broken at start')\n${project.source}`)
  const broken = await wrangler.run(['deploy'])
  expect([broken.code, broken.output]).toEqual([1, expect.stringMatching(/broken at start/)])
  project.entry(project.source)
  await expectApp('note-one hello no-key')
}, 180_000)

test('sets the secrets of a version, several at once, and deletes one', async () => {
  const created = await ok('versions secret put LATER', 'later')
  await expectApp('note-one hello no-key')
  const id = /Created version ([0-9a-f-]{36})/.exec(created)?.[1]
  await ok(`versions deploy ${id}@100 -y`)
  await ok('secret bulk', JSON.stringify({ KEY: 'bulk', LATER: null }))
  await expectApp('note-three hello bulk')
  expect(await ok('secret delete KEY')).toContain('Success! Deleted secret KEY')
  await expectApp('note-three hello no-key')
}, 180_000)

test('records a container, and rolls another image out to it', async () => {
  const image = (tag: string) => `registry.cloudflare.com/${accountId}/shop:${tag}`
  project.contain(image('one'))
  expect(await ok('deploy')).toContain('Created application shop-counter')
  project.contain(image('two'))
  expect(await ok('deploy')).toContain('Modified application shop-counter')
  const answer = await fetch(`${cloud.url}/client/v4/accounts/${accountId}/containers/applications`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const { result } = (await answer.json()) as { result: { id: string; max_instances: number }[] }
  expect(result).toMatchObject([{ name: 'shop-counter', max_instances: 2 }])
  await expectApp('note-three hello no-key')
}, 180_000)

test('migrates its classes, and prints why a rollback across the migration is refused', async () => {
  project.migrate()
  await ok('deploy')
  await expectApp('note-three hello no-key')
  const back = await wrangler.run(['rollback', ids[2] ?? '', '-y'])
  expect([back.code, back.output]).toEqual([1, expect.stringMatching(/uploaded at migration tag v1/)])
  await expectApp('note-three hello no-key')
}, 180_000)

test('deletes the Worker with its objects', async () => {
  await ok('delete --force')
  expect((await getText(cloud, 'shop.localhost')).status).toBe(404)
  expect((await wrangler.run(['deployments', 'list'])).output).toMatch(/code: 10007/)
}, 180_000)
