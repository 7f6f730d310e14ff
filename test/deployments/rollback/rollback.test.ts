import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { drive, expectGapFree, hello, openJob, startWorld, type World } from '../harness.ts'

// Each test runs several deployments, possibly on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

const post = (id: string, verb: string, json: object = {}) => world.call(`/deploy/${id}/${verb}`, { json })
const versionOf = async (id: string): Promise<string> => (await world.status(id)).metadata.version
const states = async (app: string) =>
  (await world.versions(app)).map((each) => [each.deploymentId, each.state])

async function deployed(appName: string, text: string, config: object = {}): Promise<string> {
  const id = await world.started({ appName, script: hello(text), ...config })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
  return id
}

/** The state of a script in the cloud, without its history. */
async function stateOf(script: string) {
  const list = (await world.callCloud('GET', world.scriptsPath)).result
  const [serving] = (await world.script('GET', `${script}/deployments`)).result.deployments
  const namespaces = await world.callCloud(
    'GET',
    world.scriptsPath.replace('scripts', 'durable_objects/namespaces'),
  )
  return {
    tag: list.find((each: { id: string }) => each.id === script)?.migration_tag,
    serving: serving.versions,
    subdomain: (await world.script('GET', `${script}/subdomain`)).result.enabled,
    bindings: (await world.script('GET', `${script}/versions/${serving.versions[0].version_id}`)).result
      .resources.bindings,
    namespaces: namespaces.result.filter((each: { script: string }) => each.script === script),
    answer: await world.get(script),
  }
}

describe('a requested rollback', () => {
  test('restores the whole state of the app in the cloud, except its history', async () => {
    const secrets = { KEY: 'first' }
    const first = await deployed('undone', 'first', { environmentVars: { A: '1' }, secrets })
    await world.script('POST', 'undone-staging/subdomain', { enabled: false })
    const before = await stateOf('undone-staging')
    const second = await deployed('undone', 'second', {
      environmentVars: { B: '2' },
      secrets: { KEY: 'other' },
      workersDev: true,
    })
    expect(await stateOf('undone-staging')).not.toEqual(before)

    const answer = await post(second, 'rollback', { reason: 'it is slow' })
    expect(answer.status).toBe(202)
    expect(answer.json.data).toEqual({
      rollbackId: expect.any(String),
      jobId: answer.json.data.rollbackId,
      status: 'initiated',
      deploymentId: second,
      targetVersion: await versionOf(first),
      targetDeployment: first,
      replaces: [
        { version: await versionOf(second), percentage: 100, deploymentId: second, madeBy: 'capstan' },
      ],
      servingUnknown: null,
      estimatedTime: expect.any(Number),
      willNotUndo: [
        expect.stringContaining('Durable Objects'),
        expect.any(String),
        'The variable A returns',
        expect.stringContaining('The secret KEY returns to the value of the earlier version'),
        'The variable B disappears',
      ],
      bindings: {
        returning: [{ kind: 'variable', name: 'A' }],
        disappearing: [{ kind: 'variable', name: 'B' }],
        reverting: [{ kind: 'secret', name: 'KEY' }],
      },
      logsAfter: expect.any(Number),
    })
    expect((await world.status(second)).status).toBe('rolling_back')
    await drive(world, worker, second)
    expect(await stateOf('undone-staging')).toEqual(before)
    const { status, rollback, error } = await world.status(second)
    expect([status, error]).toEqual(['rolled_back', null])
    expect(rollback).toMatchObject({
      byHand: true,
      reason: 'it is slow',
      targetVersion: await versionOf(first),
    })
    expect(rollback.steps.map((each: { step: string; status: string }) => [each.step, each.status])).toEqual([
      ['configure_dns', 'completed'],
      ['deploy_worker', 'completed'],
    ])
    expect(await states('undone')).toEqual([
      [second, 'quarantined'],
      [first, 'serving'],
    ])
    const logs = await world.logs(second)
    expectGapFree(logs)
    expect(logs.at(-1)).toMatchObject({ type: 'end', status: 'rolled_back' })
    const told = logs.filter(({ id }) => id > answer.json.data.logsAfter).map(({ message }) => message)
    expect(told[0]).toContain('Rolling back by request: it is slow')
    for (const line of answer.json.data.willNotUndo.slice(2)) expect(told).toContain(line)
  })

  test('restores the named version, and refuses the serving version and unknown ones', async () => {
    const [one, two, three] = [
      await deployed('named', '1'),
      await deployed('named', '2'),
      await deployed('named', '3'),
    ]
    const unknown = await post(three, 'rollback', { targetVersion: '00000000-0000-4000-8000-000000000000' })
    expect([unknown.status, unknown.json.error.code]).toEqual([404, 'SYS_005'])
    const older = await post(two, 'rollback')
    expect([older.status, older.json.error.details.deploymentId]).toEqual([409, three])
    const itself = await post(three, 'rollback', { targetVersion: await versionOf(three) })
    expect(itself.status).toBe(409)

    const answer = await post(three, 'rollback', { targetVersion: await versionOf(one) })
    expect([answer.status, answer.json.data.targetVersion]).toEqual([202, await versionOf(one)])
    const twice = await post(three, 'rollback')
    expect([twice.status, twice.json.error.details.jobId]).toEqual([409, answer.json.data.jobId])
    await drive(world, worker, three)
    expect((await world.get('named-staging')).text).toBe('1')
    expect(await states('named')).toEqual([
      [three, 'quarantined'],
      [two, 'previous'],
      [one, 'serving'],
    ])
    expect((await post(three, 'rollback')).status).toBe(409)
    // A named version can be restored afterwards, even a later one.
    expect((await post(three, 'rollback', { targetVersion: await versionOf(two) })).status).toBe(202)
    await drive(world, worker, three)
    expect((await world.get('named-staging')).text).toBe('2')
  })

  test('of a completed first deployment is refused, because no earlier version exists', async () => {
    const id = await deployed('only', 'only')
    const answer = await post(id, 'rollback')
    expect([answer.status, answer.json.error.message]).toEqual([
      409,
      expect.stringContaining('DELETE /deploy/apps/only/staging'),
    ])
    expect((await world.get('only-staging')).text).toBe('only')
  })

  test('of a failed first deployment removes the Worker, as its answer says', async () => {
    const script = `export default { fetch: () => new Response('broken', { status: 500 }) }`
    const config = { appName: 'firstborn', script, healthCheck: { timeoutSeconds: 1 } }
    const id = await world.started(config, { rollbackOnFailure: false })
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('failed')
    const answer = await post(id, 'rollback')
    expect(answer.json.data).toMatchObject({
      targetVersion: null,
      willNotUndo: [expect.stringContaining('removed')],
    })
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('rolled_back')
    expect((await world.get('firstborn-staging')).status).toBe(404)
    expect(await states('firstborn')).toEqual([[id, 'quarantined']])
  })

  test('of a failed deployment that changed nothing is refused', async () => {
    await deployed('unchanged', 'good')
    const id = await world.started({ appName: 'unchanged', script: 'export default {' })
    await drive(world, worker, id)
    const answer = await post(id, 'rollback')
    expect([answer.status, answer.json.error.message]).toEqual([
      409,
      expect.stringContaining('nothing to roll back'),
    ])
  })

  test.each(['validate_config', 'deploy_worker', 'health_check'])(
    'of a deployment that waits for %s cancels it first',
    async (step) => {
      const app = `early-${step.replace('_', '-')}`
      const first = await deployed(app, 'good')
      const id = await world.started({ appName: app, script: hello('bad') })
      await drive(world, worker, id, step)
      const answer = await post(id, 'rollback')
      expect([answer.status, answer.json.data.targetVersion]).toEqual([202, await versionOf(first)])
      await drive(world, worker, id)
      const { status } = await world.status(id)
      expect(status).toBe(step === 'validate_config' ? 'cancelled' : 'rolled_back')
      expect((await world.get(`${app}-staging`)).text).toBe('good')
      expect(await openJob(world.ctx, id)).toBeUndefined()
    },
  )

  test('that is cancelled while the running step ends leaves a cancelled deployment and a free app', async () => {
    await deployed('called-off', 'good')
    const id = await world.started({ appName: 'called-off', script: hello('bad') })
    await drive(world, worker, id, 'cloudflare_auth')
    const held = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const meanwhile = () => {
      reached.resolve()
      return held.promise
    }
    world.proxy.fault({ method: 'GET', path: /verify$/, fault: { kind: 'lose', meanwhile } })
    const running = drive(world, worker, id, 'check_quotas')
    await reached.promise
    const { jobId } = (await post(id, 'rollback')).json.data
    expect((await world.status(id)).status).toBe('in_progress')
    expect((await world.call(`/jobs/${jobId}/cancel`, { method: 'POST' })).status).toBe(202)
    held.resolve()
    await running
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('cancelled')
    await deployed('called-off', 'next')
  })

  test('of an unknown deployment or a dry run is refused', async () => {
    expect((await post('00000000-0000-4000-8000-000000000000', 'rollback')).status).toBe(404)
    const id = await world.started({ appName: 'dry-undo' }, { dryRun: true })
    expect((await post(id, 'rollback')).status).toBe(409)
    await drive(world, worker, id)
    expect((await post(id, 'rollback', { targetVersion: 'x' })).status).toBe(400)
  })
})

describe('content that was rolled back', () => {
  test('is quarantined until a forced deployment of it completes', async () => {
    const first = await deployed('again', 'good')
    const second = await deployed('again', 'bad')
    await post(second, 'rollback')
    await drive(world, worker, second)
    const prepared = await world.prepare({ appName: 'again', script: hello('bad') })
    expect(prepared.json.data.plan.quarantined).toBe(true)
    const id = prepared.json.data.deploymentId
    const refused = await world.deploy(id)
    expect([refused.status, refused.json.error.details.deploymentId]).toEqual([409, second])
    expect(refused.json.error.suggestedAction).toContain('options.force')
    const back = await post(second, 'rollback', { targetVersion: await versionOf(second) })
    expect(back.status).toBe(409)
    expect((await world.deploy(id, { force: true })).status).toBe(202)
    await drive(world, worker, id)
    expect(await states('again')).toEqual([
      [id, 'serving'],
      [second, 'rolled_back'],
      [first, 'previous'],
    ])
    expect((await world.prepare({ appName: 'again', script: hello('bad') })).json.data.plan.quarantined).toBe(
      false,
    )
  })
})

describe('a Durable Object migration', () => {
  const withClass = (name: string, text: string, status = 200) => `
    import { DurableObject } from 'cloudflare:workers'
    export class ${name} extends DurableObject {}
    export default { fetch: () => new Response('${text}', { status: ${status} }) }`

  test('is shown as irreversible in the plan, and a rollback across it is refused', async () => {
    await deployed('migrated', 'plain')
    const config = { appName: 'migrated', script: withClass('Room', 'rooms'), durableObjects: ['Room'] }
    const prepared = (await world.prepare(config)).json.data
    expect(prepared.reversible).toEqual({ value: false, reasons: [expect.stringContaining('Room')] })
    const started = await world.deploy(prepared.deploymentId)
    expect(started.json.data.rollbackInfo).toEqual({
      available: false,
      previousVersion: expect.any(String),
      reasons: ['creates the Durable Object class Room'],
    })
    await drive(world, worker, prepared.deploymentId)
    expect(await world.messages(prepared.deploymentId)).toContain('cannot be rolled back')
    const answer = await post(prepared.deploymentId, 'rollback')
    expect([answer.status, answer.json.error.code]).toEqual([409, 'STATE_001'])
    expect(answer.json.error.details.reasons[0]).toContain('Durable Object classes have changed')
    expect((await world.get('migrated-staging')).text).toBe('rooms')
    // A rollback between versions with the same classes is possible.
    const next = await world.started({ ...config, script: withClass('Room', 'next') })
    await drive(world, worker, next)
    expect((await post(next, 'rollback')).status).toBe(202)
    await drive(world, worker, next)
    expect((await world.get('migrated-staging')).text).toBe('rooms')
  })

  test('of an app that fails its health check is not rolled back: the failed version stays', async () => {
    await deployed('sick', 'plain')
    const config = {
      appName: 'sick',
      script: withClass('Room', 'sick', 500),
      durableObjects: ['Room'],
      healthCheck: { timeoutSeconds: 1 },
    }
    const id = await world.started(config)
    await drive(world, worker, id)
    const { status, error, rollbackInfo } = await world.status(id)
    expect([status, error.code, rollbackInfo.available]).toEqual(['failed', 'DEPLOY_006', false])
    expect(await world.messages(id)).toContain('not rolled back: it changed Durable Object classes')
    expect((await world.get('sick-staging')).status).toBe(500)
    expect(await openJob(world.ctx, id)).toBeUndefined()
    const cured = await world.started({ ...config, script: withClass('Room', 'cured') })
    await drive(world, worker, cured)
    expect((await world.status(cured)).status).toBe('completed')
  })

  test('made outside Capstan stops a rollback before any step is undone', async () => {
    await deployed('foreign', 'plain')
    await world.script('POST', 'foreign-staging/subdomain', { enabled: false })
    const id = await world.started({ appName: 'foreign', script: hello('bad'), workersDev: true })
    await drive(world, worker, id, 'health_check')
    const migrations = { new_tag: 'theirs', new_sqlite_classes: ['Room'] }
    await world.put('foreign-staging', { migrations, annotations: { 'workers/tag': id } }, [
      { name: 'main.js', content: withClass('Room', 'theirs') },
    ])
    await post(id, 'cancel')
    await drive(world, worker, id)
    const { status, rollback } = await world.status(id)
    expect(status).toBe('failed')
    expect(rollback.steps.map((each: { status: string }) => each.status)).toEqual(['pending', 'pending'])
    expect(await world.messages(id)).toContain('Not rolled back: the Durable Object classes have changed')
    expect((await world.script('GET', 'foreign-staging/subdomain')).result.enabled).toBe(true)
  })

  test('renames a class with its data, and deletes a class only if the plan names it', async () => {
    const counting = (name: string) => `
      import { DurableObject } from 'cloudflare:workers'
      export class ${name} extends DurableObject {
        async fetch() {
          const count = ((await this.ctx.storage.get('count')) ?? 0) + 1
          await this.ctx.storage.put('count', count)
          return new Response(String(count))
        }
      }
      export default { fetch: (request, env) => {
        if (new URL(request.url).pathname !== '/count') return new Response('up')
        const binding = Object.values(env)[0]
        return binding.get(binding.idFromName('one')).fetch(request)
      } }`
    const first = await world.started({ appName: 'counts', script: counting('Old'), durableObjects: ['Old'] })
    await drive(world, worker, first)
    expect((await world.get('counts-staging', '/count')).text).toBe('1')
    const renamed = await world.started({
      appName: 'counts',
      script: counting('New'),
      durableObjects: ['New'],
      migrations: { renamedClasses: [{ from: 'Old', to: 'New' }] },
    })
    await drive(world, worker, renamed)
    expect((await world.get('counts-staging', '/count')).text).toBe('2')
    const [script] = (await world.callCloud('GET', world.scriptsPath)).result.filter(
      (each: { id: string }) => each.id === 'counts-staging',
    )
    expect(script.migration_tag).toBe(`capstan-${renamed}`)
    const config = { appName: 'counts', script: hello('gone') }
    const kept = await world.prepare(config)
    expect([kept.status, kept.json.error.details.fields[0].path]).toEqual([400, 'config.durableObjects'])
    const deleted = await world.started({ ...config, migrations: { deletedClasses: ['New'] } })
    await drive(world, worker, deleted)
    expect((await world.status(deleted)).status).toBe('completed')
    expect((await stateOf('counts-staging')).namespaces).toEqual([])
  })
})
