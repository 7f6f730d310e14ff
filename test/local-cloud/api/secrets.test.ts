import { expect, test } from 'vitest'
import { accountId, type Module, startInlineCloud, versionIdOf } from '../harness.ts'

const code: Module[] = [
  {
    name: 'main.js',
    content: `export default {
      fetch: (request, env) => new Response([env.A, env.B, env.C].map((text) => text ?? '-').join(' ')),
    }`,
  },
]
const latest = (name: string) => `/accounts/${accountId}/workers/workers/${name}/versions/latest`
const secret = (name: string, text: string) => ({ type: 'secret_text', name, text })

test('a bulk change sets and deletes all of its secrets, or none', async () => {
  const cloud = await startInlineCloud()
  const bindings = [
    secret('A', 'text-a'),
    secret('B', 'text-b'),
    { type: 'plain_text', name: 'C', text: 'c' },
  ]
  await cloud.put('app', { bindings }, code)
  await cloud.publish('app')
  const bulk = (secrets: object) => cloud.script('PATCH', 'app/secrets-bulk', { secrets })
  const refused = [
    await bulk({ A: secret('A', 'new'), NEVER: null }),
    await bulk({ A: secret('A', 'new'), C: secret('C', 'new') }),
    await bulk({ 'not a name': secret('not a name', 'new') }),
    await bulk({ A: secret('B', 'new') }),
    await bulk({ A: secret('A', 'x'.repeat(5121)) }),
    await bulk({ A: { ...secret('A', 'new'), extra: 1 } }),
  ]
  expect(refused.map((reply) => reply.code)).toEqual([10056, 10021, 10026, 10026, 10054, 10026])
  expect((await cloud.script('GET', 'app/versions')).result.items).toHaveLength(1)
  expect((await cloud.get('app')).text).toBe('text-a text-b c')

  const changed = await bulk({ A: secret('A', 'next-a'), B: null })
  expect(changed.result).toEqual([{ name: 'A', type: 'secret_text' }])
  expect((await cloud.get('app')).text).toBe('next-a - c')
  expect((await cloud.script('GET', 'app/versions')).result.items).toHaveLength(2)
})

test('changing a secret of the latest version creates a version that is not deployed', async () => {
  const cloud = await startInlineCloud()
  const first = versionIdOf(await cloud.put('app', { bindings: [secret('A', 'text-a')] }, code))
  await cloud.publish('app')
  const marks = { 'workers/message': 'rotate', 'workers/tag': 'r1' }
  const env = { B: { type: 'secret_text', text: 'text-b' } }
  const made = await cloud.call('PATCH', latest('app'), { env, annotations: marks })
  expect(made.result.annotations).toEqual({ ...marks, 'workers/triggered_by': 'secret' })
  expect((await cloud.get('app')).text).toBe('text-a - -')
  const deployed = (await cloud.script('GET', 'app/deployments')).result.deployments
  expect(deployed.map((one: { versions: object[] }) => one.versions)).toEqual([
    [{ version_id: first, percentage: 100 }],
  ])
  // The next change is based on this version, although it is not deployed.
  const last = await cloud.call('PATCH', latest('app'), { env: { A: null } })
  expect(last.result.number).toBe(3)
  expect((await cloud.deploy('app', last.result.id)).status).toBe(200)
  expect((await cloud.get('app')).text).toBe('- text-b -')

  expect((await cloud.call('PATCH', latest('none'), { env })).code).toBe(10007)
  expect((await cloud.call('PATCH', latest('app'), { env, modules: [] })).code).toBe(10026)
  expect(
    (await cloud.call('PATCH', latest('app'), { env: { V: { type: 'plain_text', text: '' } } })).code,
  ).toBe(10026)
})

test('the settings show the deployed version without the texts of its secrets', async () => {
  const cloud = await startInlineCloud()
  const bindings = [secret('A', 'text-of-a'), { type: 'plain_text', name: 'C', text: 'c' }]
  await cloud.put('app', { bindings, tags: ['red'] }, code)
  await cloud.upload('app', { bindings: [] }, code)
  const { result } = await cloud.script('GET', 'app/settings')
  expect(result).toMatchObject({
    bindings: [
      { type: 'secret_text', name: 'A' },
      { type: 'plain_text', name: 'C', text: 'c' },
    ],
    compatibility_date: '2026-01-01',
    tags: ['red'],
  })
  expect(JSON.stringify(result)).not.toContain('text-of-a')
  expect((await cloud.script('GET', 'none/settings')).code).toBe(10007)
})

test('annotations have the length limits of Cloudflare, in bytes', async () => {
  const cloud = await startInlineCloud()
  const id = versionIdOf(await cloud.put('app', {}, code))
  const versions = [{ version_id: id, percentage: 100 }]
  const deploy = (message: string) =>
    cloud.script('POST', 'app/deployments', {
      strategy: 'percentage',
      versions,
      annotations: { 'workers/message': message },
    })
  expect((await deploy('é'.repeat(501))).code).toBe(10026)
  const fits = await deploy('é'.repeat(500))
  expect(fits.result.annotations['workers/message']).toHaveLength(500)
})
