import { afterAll, describe, expect, test } from 'vitest'
import { frontModules } from '../../../src/deployments/plans/container-front.ts'
import type { Serving } from '../../../src/local-cloud/runtime/groups/group.ts'
import { scriptNode } from '../../../src/local-cloud/runtime/groups/nodes.ts'
import type { Binding } from '../../../src/local-cloud/store/bindings.ts'
import type { Version, WorkerModule } from '../../../src/local-cloud/store/versions.ts'
import { createWorkerdRuntime, type WorkerRuntime } from '../../../src/local-cloud/worker-runtime.ts'
import { createInlineRuntime } from '../../helpers/inline-runtime.ts'
import { counter, hello, onCleanup, temporaryDir } from '../harness.ts'

// Tests must get the same results from Workers in the inline runtime and in workerd.

const workerd = createWorkerdRuntime({ privateNetwork: false })
const inline = createInlineRuntime()
afterAll(() => workerd.close())

const esm = (name: string, content: string): WorkerModule => ({
  name,
  type: 'ESModule',
  content: Buffer.from(content),
})

function candidate(modules: WorkerModule[], bindings: Binding[] = []) {
  const mainModule = modules[0]?.name ?? ''
  return { mainModule, modules, bindings, compatibilityDate: '2026-01-01', compatibilityFlags: [] }
}

const entrypoints = `
  import { DurableObject, WorkerEntrypoint, WorkflowEntrypoint } from 'cloudflare:workers'
  export class Room extends DurableObject { ping() {} }
  export class Plain {}
  export class Service extends WorkerEntrypoint { hello() {} }
  export class Flow extends WorkflowEntrypoint { run() {} }
  export const named = { fetch: () => new Response(), other: 1 }
  export const number = 1`

describe('a report of the inline runtime equals that of workerd', () => {
  test.each([
    ['an object with handlers', `export default { fetch: () => new Response(), async queue() {}, x: 1 }`],
    [
      'a class',
      `import { WorkerEntrypoint } from 'cloudflare:workers'
      export default class extends WorkerEntrypoint { fetch() { return new Response() } }`,
    ],
    ['named exports of all kinds', `${entrypoints}\n${hello('x')}`],
    ['no handler', 'export const x = 1'],
  ])('for %s', async (_, code) => {
    const main = candidate([esm('main.js', code)])
    const reports = await Promise.all([workerd.report(main), inline.report(main)])
    for (const report of reports) expect(report.startupTimeMs).toBeGreaterThanOrEqual(0)
    const [expected, found] = reports.map(({ startupTimeMs, ...report }) => report)
    expect(found).toEqual(expected)
  })

  test.each([
    ['code that is no JavaScript', 'export default {', /Uncaught SyntaxError: /],
    ['code that throws', `throw new Error('at startup')`, /Uncaught Error: at startup/],
    ['a module that is missing', `import './gone.js'\n${hello('x')}`, /No such module "gone.js"/],
  ])('for %s, which neither loads', async (_, code, message) => {
    const main = candidate([esm('main.js', code)])
    for (const runtime of [workerd, inline]) {
      await expect(runtime.report(main)).rejects.toMatchObject({ code: 10021 })
      await expect(runtime.report(main)).rejects.toThrow(message)
    }
  })
})

function serving(modules: WorkerModule[], bindings: Binding[] = [], id = 'version-1'): Serving {
  const code: Version['code'] = {
    ...candidate(modules),
    ...{ usageModel: 'standard', handlers: ['fetch'], namedHandlers: [], classes: [] },
    ...{ etag: '', startupTimeMs: 0, containers: [] },
  }
  const annotations = { 'workers/tag': 'a-tag' }
  const draft = { createdOn: '2026-01-01', source: 'api', annotations, migrationTag: null, bindings, code }
  const version = { ...draft, id, scriptId: 1, number: 1 }
  return {
    scriptId: 1,
    name: 'script',
    tag: 'b'.repeat(32),
    runnables: [{ version, modules }],
    shares: [{ version_id: id, percentage: 100 }],
    namespaces: [{ className: 'Counter', namespaceId: 'a'.repeat(32), useSqlite: true }],
  }
}

const options = { onLog: () => undefined, activity: () => 0 }

/** Starts the given versions and sends the requests one after the other. */
async function answers(
  runtime: WorkerRuntime,
  served: Serving,
  requests: [string, RequestInit?][],
  storageDir = temporaryDir(),
) {
  const group = { nodes: [scriptNode(1)], scripts: [served], workflows: [], storageDir }
  const running = await runtime.start(group, options)
  onCleanup(() => running.stop())
  const url = running.url('version-1') ?? ''
  const found: unknown[] = []
  for (const [path, { headers, ...init } = {}] of requests) {
    const sent = { ...init, headers: { ...headers, ...running.gate }, redirect: 'manual' as const }
    const response = await fetch(new URL(path, url), sent)
    const type = response.headers.get('content-type')
    const text = response.status === 500 ? 'an error' : await response.text()
    found.push([response.status, type, response.headers.get('x-mine'), text])
  }
  expect(running.alive).toBe(true)
  await running.stop()
  expect(running.alive).toBe(false)
  await running.exited
  return found
}

const echo = `
  import { greet } from './lib/greet.js'
  export default {
    async fetch(request, env) {
      const { pathname, search } = new URL(request.url)
      if (pathname === '/throws') throw new Error('on purpose')
      if (pathname === '/nothing') return
      if (pathname === '/moved') return Response.redirect('https://example.org/', 302)
      if (pathname === '/empty') return new Response(null, { status: 204 })
      const said = [greet(env.NAME), env.JSON, env.VERSION.tag, request.method, search, await request.text()]
      return Response.json(said, { headers: { 'x-mine': request.headers.get('x-yours') ?? 'none' } })
    },
  }`

describe('the inline runtime answers as workerd does', () => {
  test('requests of all kinds', async () => {
    const modules = [esm('main.js', echo), esm('lib/greet.js', `export const greet = (name) => 'hi ' + name`)]
    const bindings: Binding[] = [
      { type: 'secret_text', name: 'NAME', text: 'you' },
      { type: 'json', name: 'JSON', json: { deep: [1] } },
      { type: 'version_metadata', name: 'VERSION' },
    ]
    const requests: [string, RequestInit?][] = [
      ['/?a=b', { headers: { 'x-yours': 'theirs' } }],
      ['/', { method: 'POST', body: 'sent' }],
      ...['/throws', '/nothing', '/moved', '/empty'].map((path): [string] => [path]),
    ]
    const expected = await answers(workerd, serving(modules, bindings), requests)
    expect(expected[0]).toMatchObject([200, 'application/json', 'theirs', expect.stringContaining('hi you')])
    expect(await answers(inline, serving(modules, bindings), requests)).toEqual(expected)
  })

  test('requests to a container that no engine runs', async () => {
    const front = await frontModules({ className: 'Counter', port: 3000, instances: 2 })
    const modules = front.map(({ name, content }) => esm(name, Buffer.from(content, 'base64').toString()))
    const bindings: Binding[] = [{ type: 'durable_object_namespace', name: 'COUNTER', class_name: 'Counter' }]
    const expected = await answers(workerd, serving(modules, bindings), [['/']])
    expect(expected).toMatchObject([
      [503, 'text/plain', null, expect.stringContaining('No container runs here')],
    ])
    expect(await answers(inline, serving(modules, bindings), [['/']])).toEqual(expected)
  })

  test('calls of Durable Objects, whose data outlive the Workers', async () => {
    const bindings: Binding[] = [{ type: 'durable_object_namespace', name: 'COUNTER', class_name: 'Counter' }]
    const modules = counter('count').map(({ name, content }) => esm(name, String(content)))
    for (const runtime of [workerd, inline]) {
      const served = serving(modules, bindings)
      const storageDir = temporaryDir()
      const texts = [
        ...(await answers(runtime, served, [['/'], ['/']], storageDir)),
        ...(await answers(runtime, served, [['/']], storageDir)),
      ]
      expect(texts.map((answer) => (answer as unknown[])[3])).toEqual(['count 1', 'count 2', 'count 3'])
    }
  })
})
