import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { refusal } from '../cloudflare/fault-proxy.ts'
import { drive, expectGapFree, hello, startWorld, type World } from '../harness.ts'

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

const broken = `export default { fetch: () => new Response('broken', { status: 500 }) }`
const impatient = { healthCheck: { timeoutSeconds: 1 } }

async function served(appName: string): Promise<string> {
  const id = await world.started({ appName, script: hello('good') })
  await drive(world, worker, id)
  return id
}

async function run(config: Parameters<World['started']>[0], options: object = {}): Promise<string> {
  const id = await world.started(config, options)
  await drive(world, worker, id)
  return id
}

const states = async (app: string) =>
  (await world.versions(app)).map((each) => [each.deploymentId, each.state])
const scripts = async () =>
  (await world.callCloud('GET', world.scriptsPath)).result.map((each: { id: string }) => each.id)

describe('code that the cloud refuses', () => {
  test('fails the deployment without a rollback, because nothing was changed', async () => {
    const good = await served('syntax')
    const id = await run({ appName: 'syntax', script: 'export default {' })
    expect(await world.status(id)).toMatchObject({
      status: 'failed',
      error: { code: 'DEPLOY_001' },
      currentStep: {
        step: 'deploy_worker',
        status: 'failed',
        attempt: 1,
        error: expect.stringContaining('10021'),
      },
      progress: { current: 4 },
      metadata: { version: null, endTime: expect.any(String) },
    })
    expect((await world.get('syntax-staging')).text).toBe('good')
    expect(await states('syntax')).toEqual([[good, 'serving']])
    expect(await world.ctx.db('jobs').where({ queue: 'rollback', subject: `deployment:${id}` })).toEqual([])
    const logs = await world.logs(id)
    expectGapFree(logs)
    expect(logs.at(-1)).toMatchObject({ type: 'end', status: 'failed' })
    expect(await world.messages(id)).toContain('[DEPLOY_001]')
  })

  test('never creates a script', async () => {
    const id = await run({ appName: 'stillborn', script: 'throw new Error("at startup")' })
    expect((await world.status(id)).status).toBe('failed')
    expect(await scripts()).not.toContain('stillborn-staging')
  })

  test('because of a missing class is DEPLOY_004', async () => {
    const id = await run({ appName: 'classless', script: hello('x'), durableObjects: ['ChatRoom'] })
    expect(await world.status(id)).toMatchObject({ status: 'failed', error: { code: 'DEPLOY_004' } })
  })
})

describe('a migration tag that changed between check and upload', () => {
  const classes = {
    script: `import { DurableObject } from 'cloudflare:workers'
      export class Room extends DurableObject {}
      ${hello('rooms')}`,
    durableObjects: ['Room'],
  }
  const moved = refusal(412, 10079, 'The migration tag precondition failed.')

  test.each([
    [1, 'completed', 1],
    [2, 'failed', 1],
  ])('is read again once: after %i refusal(s) the deployment is %s', async (times, status, attempt) => {
    const appName = `moved-${times}`
    const id = await world.started({ appName, ...classes })
    await drive(world, worker, id, 'deploy_worker')
    world.proxy.fault({ method: 'PUT', path: /-staging$/, times, fault: moved })
    await drive(world, worker, id)
    const ended = await world.status(id)
    expect([ended.status, ended.error?.code]).toEqual([status, times === 1 ? undefined : 'DEPLOY_004'])
    expect(world.proxy.made('PUT', /-staging$/)).toHaveLength(2)
    const step = await world.ctx
      .db('deployment_steps')
      .where({ deployment_id: id, step: 'deploy_worker' })
      .first()
    expect(step.attempt).toBe(attempt)
  })
})

describe('an app that does not become healthy', () => {
  test('is rolled back, and the previous version serves again', async () => {
    const good = await served('sick')
    const id = await run({ appName: 'sick', script: broken, ...impatient })
    const { status, error, metadata, currentStep } = await world.status(id)
    expect([status, error.code]).toEqual(['rolled_back', 'DEPLOY_006'])
    expect(currentStep).toMatchObject({
      step: 'deploy_worker',
      attempt: 1,
      // On a busy machine its last try may have run out of time instead.
      error: expect.stringMatching(
        /healthy at 0 % of the traffic within 1 s: (answered 500|no answer in time)/,
      ),
    })
    expect(metadata.version).not.toBeNull()
    expect(await world.get('sick-staging')).toEqual({ status: 200, text: 'good' })
    expect(await states('sick')).toEqual([
      [id, 'quarantined'],
      [good, 'serving'],
    ])
    const logs = await world.logs(id)
    expectGapFree(logs)
    expect(logs.at(-1)).toMatchObject({ type: 'end', status: 'rolled_back' })
    expect(await world.messages(id)).toMatch(/rolling back[\s\S]*serves again[\s\S]*Rolled back; data/)
    await drive(world, worker, await world.started({ appName: 'sick', script: hello('cured') }))
    expect((await world.get('sick-staging')).text).toBe('cured')
  })

  test('and is new is removed', async () => {
    const id = await run({ appName: 'newborn', script: broken, ...impatient })
    expect((await world.status(id)).status).toBe('rolled_back')
    expect(await scripts()).not.toContain('newborn-staging')
    expect(await states('newborn')).toEqual([[id, 'quarantined']])
    expect(await world.messages(id)).toContain('it is removed')
  })

  test('and is new is kept if another client has uploaded to it meanwhile', async () => {
    const id = await world.started({ appName: 'adopted', script: broken, ...impatient })
    await drive(world, worker, id, 'rollback')
    await world.put('adopted-staging', {})
    await drive(world, worker, id)
    expect(await scripts()).toContain('adopted-staging')
    expect(await world.messages(id)).toContain('left as it is')
  })

  test('stays at 0 % of the traffic if rollbackOnFailure is off', async () => {
    const good = await served('kept')
    const id = await run({ appName: 'kept', script: broken, ...impatient }, { rollbackOnFailure: false })
    expect(await world.status(id)).toMatchObject({ status: 'failed', error: { code: 'DEPLOY_006' } })
    expect(await world.get('kept-staging')).toEqual({ status: 200, text: 'good' })
    expect(await states('kept')).toEqual([
      [id, 'rolled_back'],
      [good, 'serving'],
    ])
    const next = await run({ appName: 'kept', script: hello('next') })
    expect((await world.status(next)).status).toBe('completed')
  })

  test('gets its workers.dev address disabled again if its plan enabled it', async () => {
    await served('closed')
    await world.script('POST', 'closed-staging/subdomain', { enabled: false })
    const id = await run({ appName: 'closed', script: broken, workersDev: true, ...impatient })
    expect((await world.status(id)).status).toBe('rolled_back')
    expect((await world.script('GET', 'closed-staging/subdomain')).result.enabled).toBe(false)
  })

  test('is rolled back although its secrets have changed', async () => {
    const script = `export default { fetch: (_, env) => new Response(env.KEY) }`
    await run({ appName: 'secretive', script, secrets: { KEY: 'old' } })
    const id = await run({ appName: 'secretive', script: broken, secrets: { KEY: 'new' }, ...impatient })
    expect((await world.status(id)).status).toBe('rolled_back')
    expect((await world.get('secretive-staging')).text).toBe('old')
  })
})

describe('a rollback', () => {
  test('is retried while the cloud is unreachable', async () => {
    await served('patient')
    const id = await world.started({ appName: 'patient', script: broken, ...impatient })
    await drive(world, worker, id, 'rollback')
    expect((await world.status(id)).status).toBe('rolling_back')
    const refused = await world.deploy(await world.planned({ appName: 'patient' }))
    expect([refused.status, refused.json.error.details.deploymentId]).toEqual([409, id])
    world.proxy.fault({ method: 'POST', path: /\/deployments$/, fault: { kind: 'drop' } })
    world.proxy.fault({ method: 'POST', path: /\/deployments$/, fault: refusal(503, 10013, 'busy') })
    await drive(world, worker, id)
    const [job] = await world.ctx.db('jobs').where({ name: 'rollback', subject: `deployment:${id}` })
    expect([job.state, job.attempt]).toEqual(['completed', 3])
    expect((await world.status(id)).status).toBe('rolled_back')
    expect((await world.get('patient-staging')).text).toBe('good')
  })

  test('that fails leaves the status rollback_failed and releases the app', async () => {
    const good = await served('stuck')
    const id = await world.started({ appName: 'stuck', script: broken, ...impatient })
    await drive(world, worker, id, 'rollback')
    world.proxy.fault({
      method: 'POST',
      path: /\/deployments$/,
      times: 99,
      fault: refusal(500, 10013, 'broken'),
    })
    await drive(world, worker, id)
    expect(await world.status(id)).toMatchObject({ status: 'rollback_failed', error: { code: 'DEPLOY_007' } })
    expect((await world.logs(id)).at(-1)).toMatchObject({ type: 'end', status: 'rollback_failed' })
    // The cloud refused to change the traffic, so the version is still deployed at 0 %.
    expect(await states('stuck')).toEqual([
      [id, 'quarantined'],
      [good, 'serving'],
    ])
    world.proxy.reset()
    const next = await run({ appName: 'stuck', script: hello('next') })
    expect((await world.status(next)).status).toBe('completed')
  })
})
