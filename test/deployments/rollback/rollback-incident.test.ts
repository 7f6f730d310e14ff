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

const post = (id: string, json: object = {}) => world.call(`/deploy/${id}/rollback`, { json })
const postApp = (app: string, json: object = {}) =>
  world.call(`/deploy/apps/${app}/staging/rollback`, { json })
const versionOf = async (id: string): Promise<string> => (await world.status(id)).metadata.version
const broken = `export default { fetch: () => new Response('broken', { status: 500 }) }`

async function run(appName: string, text: string, config: object = {}): Promise<string> {
  const id = await world.started({ appName, script: hello(text), ...config })
  await drive(world, worker, id)
  return id
}

describe('an app with two good versions and a broken third', () => {
  const fail = (app: string) => run(app, 'three', { script: broken, healthCheck: { timeoutSeconds: 1 } })

  test('names a working rollback command in each refusal', async () => {
    const [one, two] = [await run('incident', 'one'), await run('incident', 'two')]
    const three = await fail('incident')
    expect((await world.status(three)).status).toBe('rolled_back')
    const command = `capstan rollback incident --environment staging --to ${one}`
    for (const refused of [await post(three), await post(two), await postApp('incident')]) {
      expect([refused.status, refused.json.error.suggestedAction]).toEqual([
        409,
        expect.stringContaining(command),
      ])
    }
    const answer = await postApp('incident', { targetVersion: one })
    expect([answer.status, answer.json.data]).toMatchObject([
      202,
      { deploymentId: three, targetVersion: await versionOf(one), targetDeployment: one },
    ])
    await drive(world, worker, three)
    expect((await world.get('incident-staging')).text).toBe('one')
    // Then forward again, by the id of the later version.
    expect((await postApp('incident', { targetVersion: await versionOf(two) })).status).toBe(202)
    await drive(world, worker, three)
    expect((await world.get('incident-staging')).text).toBe('two')
  })

  test('lists its versions with the target of a rollback', async () => {
    const [one, two] = [await run('listed', 'one'), await run('listed', 'two')]
    const listed = async () => (await world.call('/deploy/apps/listed/staging/versions')).json.data.rollback
    expect(await listed()).toMatchObject({ available: true, deploymentId: two, targetDeployment: one })
    await fail('listed')
    expect(await listed()).toMatchObject({
      ...{ available: false, serves: true, targetDeployment: two },
      reason: expect.stringContaining('already serves'),
      suggestedAction: expect.stringContaining(`--to ${one}`),
    })
    const missing = await world.call('/deploy/apps/nothing/staging/versions')
    expect([missing.status, missing.json.error.code]).toEqual([404, 'SYS_005'])
  })

  test('is not rolled back to a deployment of another app or without a version', async () => {
    await run('targets', 'one')
    await run('targets', 'two')
    const other = await run('elsewhere', 'other')
    const none = await run('targets', 'none', { script: 'export default {' })
    expect((await postApp('targets', { targetVersion: other })).status).toBe(404)
    const refused = await postApp('targets', { targetVersion: none })
    expect(refused.status).toBe(409)
    expect((await postApp('nothing')).status).toBe(404)
  })
})

describe('secrets and variables that a rollback changes', () => {
  const secret = (text: string) => ({ name: 'TOKEN', text, type: 'secret_text' })

  test('are named in the answer, in the log and in the status', async () => {
    const first = await run('revoked', 'one', { secrets: { TOKEN: 'leaked', SAME: 'same' } })
    const config = { secrets: { SAME: 'same', ADDED: 'x' }, environmentVars: { MODE: 'y' } }
    const second = await run('revoked', 'two', { ...config, deleteSecrets: ['TOKEN'] })
    const { data } = (await post(second)).json
    expect(data.targetDeployment).toBe(first)
    expect(data.bindings).toEqual({
      returning: [{ kind: 'secret', name: 'TOKEN' }],
      disappearing: [
        { kind: 'variable', name: 'MODE' },
        { kind: 'secret', name: 'ADDED' },
      ],
      // SAME has the same value in both versions, according to Capstan's records.
      reverting: [],
    })
    expect(data.willNotUndo).toContainEqual(expect.stringContaining('The secret TOKEN returns'))
    await drive(world, worker, second)
    const log = await world.messages(second)
    expect(log).toContain('The secret TOKEN returns with its earlier value')
    expect(log).toContain('The secret ADDED disappears')
    expect(log).not.toContain('leaked')
    expect((await world.status(second)).rollback.bindings.returning).toEqual([
      { kind: 'secret', name: 'TOKEN' },
    ])
  })

  test('are named in the log of an automatic rollback', async () => {
    await run('automatic', 'one', { secrets: { TOKEN: 'old' } })
    const sick = { script: broken, healthCheck: { timeoutSeconds: 1, beforeTraffic: false } }
    const id = await run('automatic', 'two', { ...sick, secrets: { TOKEN: 'new', ADDED: 'x' } })
    expect((await world.status(id)).status).toBe('rolled_back')
    const log = await world.messages(id)
    expect(log).toContain('The secret TOKEN returns to the value of the earlier version')
    expect(log).toContain('The secret ADDED disappears')
  })

  test('are not named if no user reached the failed version', async () => {
    await run('unreached', 'one', { secrets: { TOKEN: 'old' } })
    const sick = { script: broken, healthCheck: { timeoutSeconds: 1 } }
    const id = await run('unreached', 'two', { ...sick, secrets: { TOKEN: 'new', ADDED: 'x' } })
    const log = await world.messages(id)
    expect(log).toContain('No request of a user reached the new version')
    expect(log).not.toContain('The secret')
  })

  test('are named if another tool has changed them since', async () => {
    await run('foreign', 'one', { secrets: { TOKEN: 'old' } })
    await world.script('PUT', 'foreign-staging/secrets', secret('rotated'))
    const second = await run('foreign', 'two')
    const first = (await world.versions('foreign')).at(-1).id
    const { data } = (await post(second, { targetVersion: first })).json
    expect(data.bindings.reverting).toEqual([{ kind: 'secret', name: 'TOKEN' }])
    await drive(world, worker, second)
    expect(await world.messages(second)).toContain('set it again if it was changed or revoked since')
  })

  test('do not prevent the rollback if they cannot be read', async () => {
    await run('unread', 'one')
    const second = await run('unread', 'two')
    const path = /unread-staging\/versions\/[0-9a-f-]+$/
    world.proxy.fault({ method: 'GET', path, times: 50, fault: { kind: 'answer', status: 400, body: '{}' } })
    const { data } = (await post(second)).json
    expect(data.bindings).toBeNull()
    expect(data.willNotUndo).toContainEqual(expect.stringContaining('could not be read'))
    await drive(world, worker, second)
    expect((await world.status(second)).status).toBe('rolled_back')
  })
})
