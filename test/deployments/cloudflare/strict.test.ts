import { afterEach, describe, expect, test } from 'vitest'
import {
  type StrictOptions,
  type StrictProxy,
  startStrictProxy,
} from '../../local-cloud/contract/strict-proxy.ts'
import { drive, hello, type Runner, startWorld, type World } from '../harness.ts'

let proxy: StrictProxy | undefined
let world: World | undefined
afterEach(async () => {
  await world?.stop()
  await proxy?.stop()
  world = undefined
  proxy = undefined
})

/** The whole application, whose every call of the cloud goes through the strict proxy. */
async function strictWorld(options: StrictOptions = {}) {
  const strict = await startStrictProxy(options)
  proxy = strict
  const made = await startWorld({ env: { LOCAL_CLOUD_PORT: String(strict.port) }, workerd: true })
  world = made
  strict.leadTo(made.cloud.port)
  return { strict, world: made, worker: await made.worker() }
}

async function run(at: World, worker: Runner, config: object) {
  const id = await at.started({ appName: 'app', ...config })
  await drive(at, worker, id)
  return await at.status(id)
}

const uploads = '/accounts/{account_id}/workers/scripts/{script_name}/versions'
const code = (label: string) => `
  import { DurableObject } from 'cloudflare:workers'
  export class Room extends DurableObject {}
  export class HTTPServer extends DurableObject {}
  ${hello(label)}`
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('a proxy that accepts only calls of the published contract', () => {
  test('accepts all calls of a first deployment, a second one and a rollback', async () => {
    const { strict, world: at, worker } = await strictWorld()
    const parts = {
      durableObjects: ['Room', 'HTTPServer'],
      environmentVars: { GREETING: 'hello' },
      secrets: { KEY: 'a-secret' },
    }
    const modules = [
      { name: 'index.js', type: 'esm', content: base64(`import './lib/more.js'\n${code('one')}`) },
      { name: 'lib/more.js', type: 'esm', content: base64('export default 1') },
    ]
    const first = await run(at, worker, { modules, script: undefined, ...parts })
    expect(first).toMatchObject({ status: 'completed', progress: { current: 8, total: 8 } })
    expect((await run(at, worker, { script: code('two'), ...parts })).status).toBe('completed')
    const bad = code('x').replace(
      hello('x'),
      `export default { fetch: () => new Response('', { status: 500 }) }`,
    )
    const failing = { script: bad, ...parts, healthCheck: { timeoutSeconds: 1 } }
    expect((await run(at, worker, failing)).status).toBe('rolled_back')
    expect((await at.get('app-staging')).text).toBe('two')
    expect(strict.breaches).toEqual([])
    expect(strict.passed.length).toBeGreaterThan(30)
  }, 60_000)

  test('fails a deployment with an unknown call and gives the reason', async () => {
    const { strict, world: at, worker } = await strictWorld({ without: [uploads] })
    const first = await run(at, worker, {})
    expect([first.status, first.currentStep.step]).toEqual(['failed', 'deploy_worker'])
    expect(await at.messages(first.deploymentId)).toMatch(
      /Refused by the strict proxy: the path is not known/,
    )
    expect(strict.breaches[0]).toMatch(/versions: the path is not known/)
    expect((await at.get('app-staging')).status).toBe(404)
  })
})
