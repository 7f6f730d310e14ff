import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { drive, hello, startWorld, type World } from '../harness.ts'

// Each test is several deployments, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000 })

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
afterAll(() => world.stop())

const times = <T>(count: number, make: () => Promise<T>) => Promise.all(Array.from({ length: count }, make))

describe('one live deployment per app and environment', () => {
  test('one of ten plans started at the same time runs, and the other responses name it', async () => {
    const ids = await times(10, () => world.planned({ appName: 'crowd' }))
    const answers = await Promise.all(ids.map((id) => world.deploy(id)))
    const started = answers.filter((answer) => answer.status === 202)
    expect(started).toHaveLength(1)
    const holder = started[0]?.json.data.deploymentId
    for (const answer of answers.filter((each) => each.status !== 202)) {
      expect([answer.status, answer.json.error.code]).toEqual([409, 'STATE_001'])
      expect(answer.json.error.details.deploymentId).toBe(holder)
      expect(answer.json.error.message).toContain('crowd')
    }
    const rows = await world.ctx.db('deployments').where({ app: 'crowd' })
    expect(rows.map((row) => row.id)).toEqual([holder])
    expect(await world.ctx.db('jobs').where({ subject: `deployment:${holder}` })).toHaveLength(1)
  })

  test('one plan posted ten times at the same time starts one deployment, which all responses show', async () => {
    const id = await world.planned({ appName: 'echo' })
    const answers = await times(10, () => world.deploy(id))
    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(202))
    expect(new Set(answers.map((answer) => answer.json.data.deploymentId))).toEqual(new Set([id]))
    expect(answers.filter((answer) => 'jobId' in answer.json.data)).toHaveLength(1)
    expect(await world.ctx.db('jobs').where({ subject: `deployment:${id}` })).toHaveLength(1)
    await drive(world, worker, id)
    const after = await world.deploy(id)
    expect([after.status, after.json.data.status]).toEqual([202, 'completed'])
    expect(await world.ctx.db('jobs').where({ subject: `deployment:${id}` })).toHaveLength(8)
  })

  test('one Idempotency-Key starts one deployment', async () => {
    const json = { deploymentId: await world.planned({ appName: 'keyed' }), environment: 'staging' }
    const headers = { 'idempotency-key': 'deploy-once' }
    const first = await world.call('/deploy', { json, headers })
    const again = await world.call('/deploy', { json, headers })
    expect([again.status, again.json.data]).toEqual([202, first.json.data])
  })

  test('the next deployment may start after the first has ended', async () => {
    await drive(world, worker, await world.started({ appName: 'queue', script: hello('1') }))
    const second = await world.started({ appName: 'queue', script: hello('2') })
    await drive(world, worker, second)
    expect((await world.status(second)).status).toBe('completed')
  })
})

describe('a plan is not started', () => {
  test('if it does not exist', async () => {
    const answer = await world.deploy('00000000-0000-4000-8000-000000000000')
    expect([answer.status, answer.json.error.code]).toEqual([404, 'SYS_005'])
  })

  test('if it has expired', async () => {
    const id = await world.planned({ appName: 'late' })
    await world.ctx
      .db('plans')
      .where({ id })
      .update({ expires_at: new Date(Date.now() - 1000) })
    const answer = await world.deploy(id)
    expect([answer.status, answer.json.error.code]).toEqual([409, 'STATE_001'])
    expect(answer.json.error.message).toMatch(/expired/)
  })

  test('but its deployment is found if it started before the expiry', async () => {
    const id = await world.started({ appName: 'in-time' })
    await world.ctx
      .db('plans')
      .where({ id })
      .update({ expires_at: new Date(Date.now() - 1000) })
    expect((await world.deploy(id)).status).toBe(202)
  })

  test('in another environment', async () => {
    const answer = await world.deploy(await world.planned({ appName: 'here' }), {}, 'production')
    expect([answer.status, answer.json.error.code]).toEqual([400, 'REQ_002'])
    expect(answer.json.error.details.fields[0].path).toBe('environment')
  })

  test.each([
    [{ dryRun: 'yes' }, 'options.dryRun'],
    [{ maxRetries: 11 }, 'options.maxRetries'],
    [{ maxRetries: -1 }, 'options.maxRetries'],
    [{ rollbackOnFailure: 'yes' }, 'options.rollbackOnFailure'],
    [{ force: 1 }, 'options.force'],
  ])('with the options %o', async (options, path) => {
    const answer = await world.deploy('00000000-0000-4000-8000-000000000000', options)
    expect(answer.status).toBe(400)
    expect(answer.json.error.details.fields.map((field: { path: string }) => field.path)).toEqual([path])
  })

  test('if its row was changed: the first step finds another digest', async () => {
    const id = await world.started({ appName: 'forged' })
    await world.ctx
      .db('plans')
      .where({ id })
      .update({ modules: JSON.stringify([{ name: 'a.js', type: 'esm', content: '' }]) })
    await drive(world, worker, id)
    const { status, error } = await world.status(id)
    expect([status, error.code]).toEqual(['failed', 'DEPLOY_001'])
  })
})

test('one transient fault ends a deployment without retries', async () => {
  const id = await world.started({ appName: 'once' }, { maxRetries: 0 })
  await drive(world, worker, id, 'deploy_worker')
  world.proxy.fault({ method: 'PUT', path: /scripts\/once-staging$/, fault: { kind: 'drop' } })
  await drive(world, worker, id)
  const ended = await world.status(id)
  expect([ended.status, ended.error.code]).toEqual(['rolled_back', 'SYS_004'])
  expect(world.proxy.made('PUT', /scripts\/once-staging$/)).toHaveLength(1)
})

test('more simultaneous requests than database connections are all served', async () => {
  const { pool } = world.ctx.db.client
  const apps = Array.from({ length: pool.max + 5 }, (_, index) => `many-${index}`)
  const ids = await Promise.all(apps.map((appName) => world.planned({ appName })))
  const most = pool.max
  // With one, whoever holds it and asks for a second is found whatever the machine does meanwhile.
  pool.max = 1
  try {
    const answers = await Promise.all(ids.map((id) => world.deploy(id)))
    expect(answers.map(({ status }) => status)).toEqual(apps.map(() => 202))
  } finally {
    pool.max = most
  }
})
