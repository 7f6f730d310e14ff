import { expect, test } from 'vitest'
import { connected, type Node } from '../../../src/local-cloud/runtime/groups/nodes.ts'
import {
  accountId,
  counter,
  counterBinding,
  firstMigration,
  hello,
  startCloud,
  type TestCloud,
  temporaryDir,
  token,
} from '../harness.ts'

async function linesOf(cloud: TestCloud, script: string): Promise<string[]> {
  const response = await fetch(`${cloud.url}/capstan/logs/${script}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const { result } = (await response.json()) as { result: { text: string }[] }
  return result.map(({ text }) => text)
}

const module = (content: string) => [{ name: 'main.js', content }]

const backend = (label: string) =>
  module(`
    import { WorkerEntrypoint } from 'cloudflare:workers'
    export class Greeter extends WorkerEntrypoint {
      greet(name) {
        console.log('greets %s', name, { by: 'rpc' })
        return '${label} ' + name + ' ' + this.ctx.props.mood
      }
    }
    export default { fetch: (request) => new Response('${label} ' + new URL(request.url).pathname) }`)

const front = module(`
  export default {
    async fetch(request, env) {
      const { pathname } = new URL(request.url)
      console.log('asked for', pathname)
      if (pathname === '/rpc') return new Response(await env.GREETER.greet('you'))
      if (pathname === '/self') return new Response('self')
      if (pathname === '/loop') return env.SELF.fetch('http://self/self')
      if (pathname === '/throws') throw new Error('front failed')
      if (pathname === '/count') return new Response(String(await env.COUNTER.getByName('one').next()))
      try {
        if (pathname === '/ai') return new Response(await env.AI.run('model'))
        return await env.BACKEND.fetch(request)
      } catch (error) {
        return new Response(error.message)
      }
    },
  }`)

const services = [
  { type: 'service', name: 'BACKEND', service: 'backend' },
  { type: 'service', name: 'GREETER', service: 'backend', entrypoint: 'Greeter', props: { mood: 'gladly' } },
  { type: 'service', name: 'SELF', service: 'front' },
  { type: 'ai', name: 'AI' },
  { ...counterBinding(), script_name: 'counts' },
]

test('Workers call each other through bindings, and every version change keeps them together', async () => {
  const cloud = await startCloud()
  for (const [service, code] of [
    ['backend', 10143],
    ['front', undefined],
  ] as const) {
    const bindings = [{ type: 'service', name: 'BACKEND', service }]
    expect((await cloud.put('front', { bindings }, front)).code).toBe(code)
  }
  await cloud.publish('front')
  await cloud.put('backend', {}, backend('one'))
  const missing = [{ type: 'service', name: 'BACKEND', service: 'backend', entrypoint: 'Nobody' }]
  expect((await cloud.put('front', { bindings: missing }, front)).code).toBe(10144)
  expect((await cloud.put('front', { bindings: services }, front)).code).toBe(10143)
  await cloud.put('counts', { bindings: [counterBinding()], migrations: firstMigration }, counter('count'))
  await cloud.publish('counts')
  const uploaded = await cloud.put('front', { bindings: services }, front)
  expect([uploaded.code, uploaded.body.messages[0].message]).toEqual([
    undefined,
    expect.stringMatching(/AI.*does not run/),
  ])
  const settings = await cloud.script('GET', 'front/settings')
  expect(settings.result.bindings).toEqual(expect.arrayContaining(services))

  const ask = async (path: string, script = 'front') => (await cloud.get(script, path)).text
  expect(await ask('/x')).toBe('one /x')
  expect(await ask('/rpc')).toBe('one you gladly')
  expect(await ask('/loop')).toBe('self')
  expect(await ask('/ai')).toBe('The binding AI of type ai does not work in the local cloud.')
  // The objects belong to the other script, which counts with them, too.
  expect([await ask('/count'), await ask('/', 'counts'), await ask('/count')]).toEqual(['1', 'count 2', '3'])
  expect(await ask('/throws')).toBe('Internal Server Error')

  // Each script has its own lines, although one process writes them all.
  const [fronts, backends] = [await linesOf(cloud, 'front'), await linesOf(cloud, 'backend')]
  expect(fronts).toContain('asked for /rpc')
  expect(fronts.filter((line) => line.startsWith('Uncaught Error: front failed'))).toHaveLength(1)
  expect(backends).toEqual([`greets you { by: 'rpc' }`])

  await cloud.put('backend', {}, backend('two'))
  expect([await ask('/x'), await ask('/rpc')]).toEqual(['two /x', 'two you gladly'])
  expect((await cloud.put('backend', {})).code).toBeUndefined()
  expect(await ask('/rpc')).toBe('Internal Server Error')
  expect((await linesOf(cloud, 'front')).at(-1)).toMatch(/backend has no entrypoint Greeter/)
  await cloud.script('DELETE', 'backend')
  expect(await ask('/x')).toBe('The Worker backend is not deployed.')
  expect(await ask('/count')).toBe('4')

  // Without the bindings, the scripts are apart again.
  await cloud.put('front', {}, module(hello('alone')))
  expect([await ask('/'), await ask('/', 'counts')]).toEqual(['alone', 'count 5'])
}, 240_000)

test('groups with stores of their own start at the same time, in a new directory and after a kill', async () => {
  const dataDir = temporaryDir()
  const cloud = await startCloud(dataDir)
  const kv = `/accounts/${accountId}/storage/kv/namespaces`
  const ids = await Promise.all(
    ['a', 'b', 'c'].map(async (title) => (await cloud.call('POST', kv, { title })).result.id as string),
  )
  const keysOfAll = (at: TestCloud) =>
    Promise.all(ids.map(async (id) => (await at.call('GET', `${kv}/${id}/keys`)).result))
  expect(await keysOfAll(cloud)).toEqual([[], [], []])
  await Promise.all(ids.map((id) => cloud.call('PUT', `${kv}/${id}/bulk`, [{ key: id, value: '1' }])))
  // workerd is always killed, so its files need recovery.
  await cloud.stop()
  expect(await keysOfAll(await startCloud(dataDir))).toEqual(ids.map((name) => [{ name }]))
}, 120_000)

test('a group is everything that is connected, directly or through others', () => {
  const edges: [Node, Node][] = [
    ['script:1', 'kv:a'],
    ['script:2', 'kv:a'],
    ['script:2', 'script:3'],
    ['script:4', 'd1:a'],
  ]
  expect([...connected('script:3', edges)].toSorted()).toEqual(['kv:a', 'script:1', 'script:2', 'script:3'])
  expect([...connected('d1:a', edges)].toSorted()).toEqual(['d1:a', 'script:4'])
  expect([...connected('script:5', edges)]).toEqual(['script:5'])
})
