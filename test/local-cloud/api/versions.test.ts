import { expect, test } from 'vitest'
import { hello, startCloud, startInlineCloud, versionIdOf } from '../harness.ts'

const main = (content: string) => [{ name: 'main.js', content }]

test('a version has its annotations and gets no requests until it is deployed', async () => {
  const cloud = await startInlineCloud()
  await cloud.put('app', { annotations: { 'workers/message': 'first' } })
  await cloud.publish('app')
  const annotations = { 'workers/tag': 'deployment-7', 'workers/message': 'second' }
  const { result } = await cloud.upload('app', { annotations }, main(hello('two')))
  expect(result).toMatchObject({
    number: 2,
    annotations: { ...annotations, 'workers/triggered_by': 'version_upload' },
  })
  expect((await cloud.get('app')).text).toBe('hello')
  const { items } = (await cloud.script('GET', 'app/versions?deployable=true')).result
  expect(items[0].annotations['workers/tag']).toBe('deployment-7')
  expect((await cloud.script('GET', `app/versions/${result.id}`)).result.resources.script.handlers).toEqual([
    'fetch',
  ])

  const deployed = await cloud.script('POST', 'app/deployments', {
    strategy: 'percentage',
    versions: [{ version_id: result.id, percentage: 100 }],
    annotations: { 'workers/message': 'go' },
  })
  expect(deployed.result.annotations).toEqual({
    'workers/message': 'go',
    'workers/triggered_by': 'deployment',
  })
  expect((await cloud.get('app')).text).toBe('two')
  const { deployments } = (await cloud.script('GET', 'app/deployments')).result
  expect(deployments[0].id).toBe(deployed.result.id)
  expect(deployments[1].annotations).toEqual({ 'workers/message': 'first', 'workers/triggered_by': 'upload' })
  expect((await cloud.script('GET', `app/deployments/${deployed.result.id}`)).result).toEqual(deployed.result)
})

test('unknown versions and deployments have their own error codes', async () => {
  const cloud = await startInlineCloud()
  await cloud.put('app', {})
  const nowhere = '00000000-0000-4000-8000-000000000000'
  expect((await cloud.script('GET', `app/versions/${nowhere}`)).code).toBe(100146)
  expect((await cloud.script('GET', `app/deployments/${nowhere}`)).code).toBe(10336)
  expect((await cloud.deploy('app', nowhere)).code).toBe(100146)
  expect((await cloud.deploy('none', nowhere)).code).toBe(10007)
})

test('a deployment has one or two versions whose percentages sum to 100', async () => {
  const cloud = await startInlineCloud()
  const id = versionIdOf(await cloud.put('app', {}))
  const bad = [
    [{ version_id: id, percentage: 99 }],
    [],
    [
      { version_id: id, percentage: 50 },
      { version_id: id, percentage: 50 },
    ],
  ]
  for (const versions of bad) {
    expect((await cloud.script('POST', 'app/deployments', { strategy: 'percentage', versions })).code).toBe(
      10026,
    )
  }
})

test('two versions share the requests by percentage and use the same Durable Object', async () => {
  const cloud = await startInlineCloud()
  const code = (label: string) =>
    main(`
      import { DurableObject } from 'cloudflare:workers'
      export class Counter extends DurableObject {
        count = 0
        next() { return ++this.count }
      }
      export default {
        fetch: async (request, env) => new Response('${label} ' + await env.C.getByName('one').next()),
      }`)
  const bindings = [{ type: 'durable_object_namespace', name: 'C', class_name: 'Counter' }]
  const migrations = { new_tag: 'v1', new_sqlite_classes: ['Counter'] }
  const first = versionIdOf(await cloud.put('split', { bindings, migrations }, code('one')))
  const second = (await cloud.upload('split', { bindings }, code('two'))).result.id
  await cloud.publish('split')
  const versions = [
    { version_id: first, percentage: 50 },
    { version_id: second, percentage: 50 },
  ]
  const deployed = await cloud.script('POST', 'split/deployments', { strategy: 'percentage', versions })
  expect(deployed.result.versions).toEqual(versions)
  const answers: string[] = []
  // 60 responses all come from one version only once in 10^17 runs.
  for (let at = 0; at < 60; at++) answers.push((await cloud.get('split')).text)
  expect(new Set(answers.map((answer) => answer.split(' ')[0]))).toEqual(new Set(['one', 'two']))
  expect(answers.map((answer) => Number(answer.split(' ')[1]))).toEqual(answers.map((_, at) => at + 1))
})

test('a version at 0 % hosts no objects and does not count as the serving one', async () => {
  const cloud = await startInlineCloud()
  const code = (label: string) =>
    main(`
      import { DurableObject } from 'cloudflare:workers'
      export class Counter extends DurableObject {
        label() { return '${label}' }
      }
      export default {
        fetch: async (request, env) => new Response('${label} ' + await env.C.getByName('one').label()),
      }`)
  const bindings = [{ type: 'durable_object_namespace', name: 'C', class_name: 'Counter' }]
  const migrations = { new_tag: 'v1', new_sqlite_classes: ['Counter'] }
  const first = versionIdOf(await cloud.put('checked', { bindings, migrations }, code('one')))
  const more = [...bindings, { type: 'plain_text', name: 'EXTRA', text: '' }]
  const second = (await cloud.upload('checked', { bindings: more }, code('two'))).result.id
  await cloud.publish('checked')
  const deploy = async (share: number) => {
    const versions = [first, second].map((id, at) => ({
      version_id: id,
      percentage: at === 0 ? 100 - share : share,
    }))
    const { result } = await cloud.script('POST', 'checked/deployments', { strategy: 'percentage', versions })
    const shown = (await cloud.script('GET', 'checked/settings')).result.bindings.map(
      (each: { name: string }) => each.name,
    )
    return [result.annotations['workers/triggered_by'], (await cloud.get('checked')).text, shown]
  }
  expect(await deploy(0)).toEqual(['deployment', 'one one', ['C']])
  expect(await deploy(100)).toEqual(['deployment', 'two two', ['C', 'EXTRA']])
})

test('a rollback across a change of secrets requires force', async () => {
  const cloud = await startInlineCloud()
  const first = versionIdOf(await cloud.put('app', {}))
  await cloud.script('PUT', 'app/secrets', { type: 'secret_text', name: 'KEY', text: 'new' })
  expect((await cloud.deploy('app', first)).code).toBe(10220)
  expect((await cloud.deploy('app', first, '?force=true')).status).toBe(200)
})

test('changing a secret creates a version, and no response contains its text', async () => {
  const cloud = await startCloud()
  const code = main(`
    import { env } from 'cloudflare:workers'
    if (env.BREAK) throw new Error('started with ' + env.BREAK)
    console.log('the Worker says', env.KEY)
    export default { fetch: (request, env) => new Response(env.KEY + env.OTHER) }`)
  const text = 'a-most-secret-value'
  const upload = await cloud.put('safe', { bindings: [{ type: 'secret_text', name: 'KEY', text }] }, code)
  await cloud.publish('safe')
  const secret = { type: 'secret_text', name: 'OTHER', text: 'another-secret-value' }
  const replies = [
    upload,
    await cloud.script('PUT', 'safe/secrets', secret),
    await cloud.script('PUT', 'safe/secrets', { ...secret, name: 'BREAK' }),
    await cloud.script('GET', 'safe/secrets'),
    await cloud.script('GET', `safe/versions/${versionIdOf(upload)}`),
    await cloud.script('GET', 'safe/versions'),
    await cloud.script('GET', 'safe/script-settings'),
  ]
  expect(replies.map((reply) => reply.code)).toEqual([
    undefined,
    undefined,
    10021,
    ...replies.slice(3).map(() => undefined),
  ])
  expect(replies[3]?.result).toEqual([
    { name: 'KEY', type: 'secret_text' },
    { name: 'OTHER', type: 'secret_text' },
  ])
  expect((await cloud.get('safe')).text).toBe(`${text}another-secret-value`)
  const seen = JSON.stringify(replies.map((reply) => reply.body)) + cloud.logged.join('\n')
  expect(seen).toContain('[secret]')
  expect(seen).not.toContain('secret-value')

  expect((await cloud.script('DELETE', 'safe/secrets/OTHER')).status).toBe(200)
  expect((await cloud.script('DELETE', 'safe/secrets/OTHER')).code).toBe(10056)
  expect((await cloud.get('safe')).text).toBe(`${text}undefined`)
})
