import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { drive, hello, startWorld, type World } from '../harness.ts'

// Several deployments, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000 })

let world: World
beforeAll(async () => {
  world = await startWorld()
})
// Stopping a world also fails when the proxy saw a breach of the contract.
afterAll(() => world.stop())

const broken = `export default { fetch: () => new Response('broken', { status: 500 }) }`

test('all calls of deployments and rollbacks follow the published contract', async () => {
  const worker = await world.worker()
  const run = async (config: object) => {
    const id = await world.started({ appName: 'app', ...config })
    await drive(world, worker, id)
    return (await world.status(id)).status
  }
  const code = (label: string) => `
    import { DurableObject } from 'cloudflare:workers'
    export class Room extends DurableObject {}
    ${hello(label)}`
  const rooms = { durableObjects: ['Room'], secrets: { KEY: 'x' }, environmentVars: { V: 'y' } }
  const impatient = { healthCheck: { timeoutSeconds: 1 } }
  expect(await run({ script: broken, ...impatient })).toBe('rolled_back')
  expect(await run({ script: hello('first') })).toBe('completed')
  expect(await run({ script: code('with a class'), ...rooms })).toBe('completed')
  expect(await run({ script: code('again'), ...rooms, secrets: { KEY: 'z' } })).toBe('completed')
  await world.script('POST', 'app-staging/subdomain', { enabled: false })
  expect(
    await run({
      ...{ script: `${code('x')}\n${broken}`.replace(hello('x'), ''), workersDev: true },
      ...{ ...rooms, ...impatient },
    }),
  ).toBe('rolled_back')

  const kinds = new Set(
    world.proxy.calls.map(({ method, path }) => {
      const short = path
        .replace(/^\/accounts\/[^/]+/, 'A')
        .replace(/scripts\/[^/]+/, 'scripts/{name}')
        .replace(/versions\/.+/, 'versions/{id}')
      return `${method} ${short}`
    }),
  )
  expect([...kinds].sort()).toEqual([
    'DELETE A/workers/scripts/{name}',
    'GET /user/tokens/verify',
    'GET A',
    'GET A/workers/domains',
    'GET A/workers/durable_objects/namespaces',
    'GET A/workers/scripts',
    'GET A/workers/scripts/{name}/deployments',
    'GET A/workers/scripts/{name}/script-settings',
    'GET A/workers/scripts/{name}/settings',
    'GET A/workers/scripts/{name}/subdomain',
    'GET A/workers/scripts/{name}/versions',
    'GET A/workers/scripts/{name}/versions/{id}',
    'GET A/workers/subdomain',
    'POST A/workers/scripts/{name}/deployments',
    'POST A/workers/scripts/{name}/subdomain',
    'POST A/workers/scripts/{name}/versions',
    'PUT A/workers/scripts/{name}',
  ])
  expect(world.proxy.violations).toEqual([])
})

test("an upload contains its module, its bindings and Capstan's mark, and nothing else", async () => {
  const worker = await world.worker('beside')
  world.proxy.reset()
  const id = await world.started({ appName: 'marked', environmentVars: { V: 'y' } })
  await drive(world, worker, id)
  const [upload] = world.proxy.made('PUT', /marked-staging$/)
  expect(upload?.body.metadata).toEqual({
    main_module: 'index.js',
    compatibility_date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    compatibility_flags: ['nodejs_compat'],
    bindings: [{ type: 'plain_text', name: 'V', text: 'y' }],
    annotations: { 'workers/tag': id, 'workers/message': expect.stringMatching(/^capstan sha256:/) },
  })
})
