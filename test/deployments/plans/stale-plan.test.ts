import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { drive, hello, startWorld, type World } from '../harness.ts'

vi.setConfig({ testTimeout: 120_000 })

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

async function deployed(appName: string, text: string, config: object = {}): Promise<string> {
  const id = await world.started({ appName, script: hello(text), ...config })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
  return id
}

const secret = (text: string) => ({ name: 'TOKEN', text, type: 'secret_text' })

/** The names of the bindings that serve. */
async function bindingsOf(script: string): Promise<string[]> {
  const [serving] = (await world.script('GET', `${script}/deployments`)).result.deployments
  const { result } = await world.script('GET', `${script}/versions/${serving.versions[0].version_id}`)
  return result.resources.bindings.map(({ name }: { name: string }) => name).sort()
}

describe('a plan for an app that has changed since', () => {
  test('is refused with the list of changes and removes nothing', async () => {
    await deployed('stale', 'one')
    const first = await world.planned({ appName: 'stale', script: hello('from the first plan') })
    await deployed('stale', 'two', { environmentVars: { MODE: 'x' }, secrets: { KEY: 'y' } })
    const answer = await world.deploy(first)
    expect([answer.status, answer.json.error.code]).toEqual([409, 'STATE_001'])
    const { message, suggestedAction, details } = answer.json.error
    expect(message).toMatch(/changed since the plan was made.*version .* serves instead of/)
    expect(details.changes).toContain('the variable MODE was added')
    expect(details.changes).toContain('the secret KEY was added')
    expect(suggestedAction).toContain('Prepare again')
    expect(await bindingsOf('stale-staging')).toEqual(['KEY', 'MODE'])
    // A new plan shows it, and holds.
    const next = await world.prepare({ appName: 'stale', script: hello('three') })
    expect(next.json.data.plan.changes).toContainEqual({ kind: 'variable', name: 'MODE', action: 'delete' })
    expect((await world.deploy(next.json.data.deploymentId)).status).toBe(202)
    await drive(world, worker, next.json.data.deploymentId)
    expect(await bindingsOf('stale-staging')).toEqual(['KEY'])
  })

  test.each<[string, (script: string) => Promise<unknown>, RegExp]>([
    [
      'a secret',
      (script) => world.script('PUT', `${script}/secrets`, secret('x')),
      /the secret TOKEN was added/,
    ],
    [
      'the workers.dev address',
      (script) => world.script('POST', `${script}/subdomain`, { enabled: false, previews_enabled: false }),
      /the workers\.dev address was disabled/,
    ],
    [
      'the preview URLs',
      (script) => world.script('POST', `${script}/subdomain`, { enabled: true, previews_enabled: true }),
      /the preview URLs were enabled/,
    ],
    [
      'a setting of the script',
      (script) => world.script('PATCH', `${script}/script-settings`, { logpush: true }),
      /the setting logpush was changed/,
    ],
    [
      'the Worker itself',
      (script) => world.callCloud('DELETE', `${world.scriptsPath}/${script}`),
      /the Worker .* was deleted/,
    ],
    [
      'the code',
      (script) => world.put(script, {}, [{ name: 'main.js', content: hello('by another tool') }]),
      /version .* serves instead of/,
    ],
  ])('by another tool is refused: %s', async (what, change, said) => {
    const app = `other-${what.replaceAll(/[^a-z]/g, '')}`
    await deployed(app, 'one')
    const id = await world.planned({ appName: app, script: hello('two') })
    await change(`${app}-staging`)
    const answer = await world.deploy(id)
    expect([answer.status, answer.json.error.message]).toEqual([409, expect.stringMatching(said)])
  })

  test('for a first deployment is refused if a Worker of that name was created meanwhile', async () => {
    const id = await world.planned({ appName: 'appeared' })
    await world.put('appeared-staging', {}, [{ name: 'main.js', content: hello('of others') }])
    const answer = await world.deploy(id)
    expect([answer.status, answer.json.error.message]).toEqual([409, expect.stringContaining('was created')])
  })

  test('is refused for a dry run as well', async () => {
    await deployed('tried', 'one')
    const id = await world.planned({ appName: 'tried', script: hello('two') })
    await deployed('tried', 'three')
    expect((await world.deploy(id, { dryRun: true })).status).toBe(409)
  })

  test('that an older version of Capstan made is refused', async () => {
    const id = await world.planned({ appName: 'older' })
    await world.ctx.db('plans').where({ id }).update({ basis: null })
    const answer = await world.deploy(id)
    expect([answer.status, answer.json.error.suggestedAction]).toEqual([
      409,
      expect.stringContaining('Prepare'),
    ])
  })

  test('is still found by a repeat of the request that started it', async () => {
    const id = await deployed('repeated', 'one')
    expect((await world.deploy(id)).status).toBe(202)
  })
})

describe('a change after the start', () => {
  test.each(['check_quotas', 'deploy_worker'])(
    'fails the deployment before %s, with nothing changed',
    async (step) => {
      const app = `after-${step.replace('_', '-')}`
      await deployed(app, 'one')
      const id = await world.started({ appName: app, script: hello('two') })
      await drive(world, worker, id, step)
      await world.script('PUT', `${app}-staging/secrets`, secret('set meanwhile'))
      world.proxy.reset()
      await drive(world, worker, id)
      const { status, error, rollback } = await world.status(id)
      expect([status, error.code, rollback]).toEqual(['failed', 'STATE_001', null])
      expect(error.message).toContain('the secret TOKEN was added')
      expect(world.proxy.calls.filter(({ method }) => method !== 'GET')).toEqual([])
      expect(await bindingsOf(`${app}-staging`)).toEqual(['TOKEN'])
    },
  )

  test('between upload and traffic change leaves the other deployment serving', async () => {
    await deployed('between', 'one')
    const id = await world.started({ appName: 'between', script: hello('two') })
    await drive(world, worker, id, 'deploy_worker')
    const meanwhile = async () => {
      await world.put('between-staging', {}, [{ name: 'main.js', content: hello('of others') }])
    }
    world.proxy.fault({
      method: 'POST',
      path: /between-staging\/versions$/,
      fault: { kind: 'pass', meanwhile },
    })
    await drive(world, worker, id)
    const { status, error, rollback } = await world.status(id)
    expect([status, error.code, rollback]).toEqual(['failed', 'STATE_001', null])
    expect((await world.get('between-staging')).text).toBe('of others')
  })

  test("by the deployment's own earlier attempt does not count as a change", async () => {
    await deployed('lost', 'one')
    const id = await world.started({ appName: 'lost', script: hello('two') })
    await drive(world, worker, id, 'deploy_worker')
    world.proxy.fault({ method: 'POST', path: /lost-staging\/versions$/, fault: { kind: 'lose' } })
    world.proxy.fault({ method: 'POST', path: /lost-staging\/deployments$/, fault: { kind: 'lose' } })
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('completed')
    expect((await world.get('lost-staging')).text).toBe('two')
  })
})
