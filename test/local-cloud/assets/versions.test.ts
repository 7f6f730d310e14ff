import { expect, test } from 'vitest'
import { accountId, form, versionIdOf } from '../harness.ts'
import { type Site, startInlineCloud, type TestClient, uploadSite, visit } from './site.ts'

const site: Site = { '/index.html': '<p>home</p>', '/about.html': '<p>about</p>' }
const main = [
  {
    name: 'main.js',
    content: `export default { fetch: (request) => new Response('code ' + new URL(request.url).pathname) }`,
  },
]
const binding = { type: 'assets', name: 'ASSETS' }

async function deploy(cloud: TestClient, name: string, files: Site, config: object) {
  const { jwt } = await uploadSite(cloud, name, files)
  const reply = await cloud.put(name, { bindings: [binding], assets: { jwt, config } }, main)
  expect([reply.status, reply.message]).toEqual([200, ''])
  await cloud.publish(name)
  return reply
}

test('two versions serve their own assets, and a rollback brings the old ones back', async () => {
  const cloud = await startInlineCloud()
  const first = await deploy(cloud, 'versions', { '/index.html': 'one', '/only-one.html': 'x' }, {})
  const old = versionIdOf(first)
  const { jwt, missing } = await uploadSite(cloud, 'versions', {
    '/index.html': 'two',
    '/only-one.html': 'x',
  })
  expect(missing).toHaveLength(1)
  const uploaded = await cloud.upload('versions', { bindings: [binding], assets: { jwt } }, main)
  const next: string = uploaded.result.id
  const shares = [
    { version_id: old, percentage: 50 },
    { version_id: next, percentage: 50 },
  ]
  await cloud.script('POST', 'versions/deployments', { strategy: 'percentage', versions: shares })
  const at = (id: string) =>
    visit(cloud, 'versions', '/', { 'cloudflare-workers-version-overrides': `versions="${id}"` })
  expect([(await at(old)).text, (await at(next)).text]).toEqual(['one', 'two'])
  await cloud.deploy('versions', next)
  expect((await visit(cloud, 'versions', '/')).text).toBe('two')
  await cloud.deploy('versions', old)
  expect((await visit(cloud, 'versions', '/')).text).toBe('one')
})

test('keep_assets and a change of a secret keep the assets; an upload without either drops them', async () => {
  const cloud = await startInlineCloud()
  await deploy(cloud, 'kept', site, { not_found_handling: '404-page' })
  await cloud.script('PUT', 'kept/secrets', { type: 'secret_text', name: 'KEY', text: 'a text' })
  expect((await visit(cloud, 'kept', '/about')).text).toBe('<p>about</p>')
  await cloud.put('kept', { keep_assets: true, bindings: [binding] }, main)
  expect((await visit(cloud, 'kept', '/about')).text).toBe('<p>about</p>')
  await cloud.put('kept', {}, main)
  expect((await visit(cloud, 'kept', '/about')).text).toBe('code /about')
  const listed = await cloud.call('GET', `/accounts/${accountId}/workers/scripts`)
  expect(listed.result.find((one: { id: string }) => one.id === 'kept').has_assets).toBe(false)
})

test('a form without modules is refused without assets', async () => {
  const cloud = await startInlineCloud()
  const reply = await cloud.call('PUT', `/accounts/${accountId}/workers/scripts/empty`, form({}, []))
  expect([reply.status, reply.code]).toEqual([400, 10021])
})
