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

const pathOf = (app: string, rest: string) => `/deploy/apps/${app}/staging/${rest}`
const rollBack = (app: string, json: object = {}) => world.call(pathOf(app, 'rollback'), { json })
const preview = (app: string, target?: string) =>
  world.call(pathOf(app, `rollback${target === undefined ? '' : `?targetVersion=${target}`}`))
const listed = async (app: string) => (await world.call(pathOf(app, 'versions'))).json.data
const versionOf = async (id: string): Promise<string> => (await world.status(id)).metadata.version
const textOf = async (app: string) => (await world.get(`${app}-staging`)).text

async function run(appName: string, text: string, config: object = {}): Promise<string> {
  const id = await world.started({ appName, script: hello(text), ...config })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('completed')
  return id
}

/** Deploys like wrangler: a version without Capstan's tag. @returns its id */
async function deployOutside(app: string, text: string): Promise<string> {
  await world.put(`${app}-staging`, {}, [{ name: 'main.js', content: hello(text) }])
  return await serving(app)
}

async function serving(app: string): Promise<string> {
  const { result } = await world.script('GET', `${app}-staging/deployments`)
  return result.deployments[0].versions[0].version_id
}

async function putSecret(app: string, name: string): Promise<void> {
  const secret = { name, text: 'new', type: 'secret_text' }
  expect((await world.script('PUT', `${app}-staging/secrets`, secret)).status).toBe(200)
}

async function giveTraffic(app: string, shares: Record<string, number>): Promise<void> {
  const versions = Object.entries(shares).map(([version_id, percentage]) => ({ version_id, percentage }))
  const body = { strategy: 'percentage', versions }
  expect((await world.script('POST', `${app}-staging/deployments?force=true`, body)).status).toBe(200)
}

const unanswered = { kind: 'answer', status: 400, body: '{}' } as const
const silence = () =>
  world.proxy.fault({ method: 'GET', path: /scripts\/[a-z-]+\/deployments$/, times: 50, fault: unanswered })

describe('a version made outside Capstan that serves', () => {
  test('is listed as its own row, and a rollback replaces it with the newest good version', async () => {
    const [one, two] = [await run('outside', 'one'), await run('outside', 'two')]
    const foreign = await deployOutside('outside', 'foreign')
    const { versions, rollback, serving: shares } = await listed('outside')
    expect(versions).toMatchObject([
      { id: foreign, deploymentId: null, digest: null, state: 'serving', madeBy: 'outside', percentage: 100 },
      { deploymentId: two, state: 'previous', madeBy: 'capstan', percentage: null },
      { deploymentId: one, state: 'previous' },
    ])
    const replaces = [{ version: foreign, percentage: 100, deploymentId: null, madeBy: 'outside' }]
    expect(shares).toEqual(replaces)
    expect(rollback).toMatchObject({ available: true, serves: false, targetDeployment: two, replaces })
    expect((await preview('outside')).json.data).toMatchObject({ targetDeployment: two, replaces })

    const started = await rollBack('outside')
    expect([started.status, started.json.data]).toMatchObject([
      202,
      { deploymentId: two, targetVersion: await versionOf(two), replaces },
    ])
    await drive(world, worker, two)
    expect(await textOf('outside')).toBe('two')
    expect(await world.messages(two)).toContain(`Replacing version ${foreign}`)
    expect((await world.status(two)).status).toBe('completed')
    expect(
      (await listed('outside')).versions.map(({ id, state }: { id: string; state: string }) => [id, state]),
    ).toEqual([
      [foreign, 'previous'],
      [await versionOf(two), 'serving'],
      [await versionOf(one), 'previous'],
    ])
    // A second rollback has nothing to do, unless it names an older version.
    expect((await listed('outside')).rollback).toMatchObject({ available: false, serves: true })
    const again = await rollBack('outside')
    expect([again.status, again.json.error.message]).toEqual([409, expect.stringContaining('already serves')])
    expect(again.json.error.suggestedAction).toContain(`--to ${one}`)
    expect((await rollBack('outside', { targetVersion: one })).status).toBe(202)
    await drive(world, worker, two)
    expect(await textOf('outside')).toBe('one')
    expect((await world.status(two)).status).toBe('rolled_back')
  })

  test('is replaced without changing the host names and addresses of the restored deployment', async () => {
    const id = await run('hosted', 'one', { hostnames: ['hosted.example.test'] })
    await deployOutside('hosted', 'foreign')
    expect((await rollBack('hosted', { targetVersion: id })).status).toBe(202)
    await drive(world, worker, id)
    const { result } = await world.callCloud('GET', world.scriptsPath.replace('scripts', 'domains'))
    expect(result.map(({ hostname }: { hostname: string }) => hostname)).toContain('hosted.example.test')
  })

  test('is replaced if a changed secret made it; the preview names the secret that returns', async () => {
    const one = await run('secret', 'one', { secrets: { TOKEN: 'old' } })
    await putSecret('secret', 'TOKEN')
    const { data } = (await preview('secret')).json
    expect(data).toMatchObject({ targetDeployment: one, replaces: [{ madeBy: 'outside' }] })
    expect(data.willNotUndo).toContainEqual(expect.stringContaining('The secret TOKEN returns'))
    expect(data.bindings.reverting).toEqual([{ kind: 'secret', name: 'TOKEN' }])
    expect((await rollBack('secret')).status).toBe(202)
    await drive(world, worker, one)
    expect(await serving('secret')).toBe(await versionOf(one))
  })

  test('has the code of the deployment whose secrets were changed, which the rollback undoes', async () => {
    const [one, two] = [await run('edited', 'one'), await run('edited', 'two')]
    for (const name of ['API_KEY', 'OTHER_KEY']) await putSecret('edited', name)
    expect((await listed('edited')).rollback).toMatchObject({ available: true, targetDeployment: one })
    expect((await rollBack('edited')).json.data).toMatchObject({ deploymentId: two, targetDeployment: one })
    await drive(world, worker, two)
    expect(await textOf('edited')).toBe('one')
    expect((await world.status(two)).status).toBe('rolled_back')
    expect((await listed('edited')).rollback).toMatchObject({ available: false, serves: true })
  })

  test('is restored with its secret if it served before the undone deployment, also by a repeated rollback', async () => {
    await run('kept', 'one')
    await putSecret('kept', 'API_KEY')
    const changed = await serving('kept')
    const two = await run('kept', 'two')
    await putSecret('kept', 'OTHER_KEY')
    expect((await rollBack('kept')).json.data).toMatchObject({ targetVersion: changed })
    await drive(world, worker, two)
    expect(await serving('kept')).toBe(changed)
    expect((await rollBack('kept')).status).toBe(409)
    expect((await listed('kept')).rollback.available).toBe(false)
  })

  test('by a changed secret of foreign code is replaced with the newest good version', async () => {
    const one = await run('foreign', 'one')
    await deployOutside('foreign', 'foreign')
    await putSecret('foreign', 'API_KEY')
    expect((await rollBack('foreign')).json.data).toMatchObject({ targetDeployment: one })
    await drive(world, worker, one)
    expect(await textOf('foreign')).toBe('one')
  })

  test('after a failed deployment is replaced with the good version before that deployment', async () => {
    const one = await run('failed', 'one')
    const broken = `export default { fetch: () => new Response('broken', { status: 500 }) }`
    const config = { appName: 'failed', script: broken, healthCheck: { timeoutSeconds: 1 } }
    const two = await world.started(config)
    await drive(world, worker, two)
    await deployOutside('failed', 'foreign')
    const started = await rollBack('failed')
    expect(started.json.data).toMatchObject({ deploymentId: two, targetDeployment: one })
    await drive(world, worker, two)
    expect(await textOf('failed')).toBe('one')
    expect((await world.status(two)).status).toBe('rolled_back')
  })

  test('is a target if the request names it; an unknown version is not found', async () => {
    await run('named', 'one')
    const foreign = await deployOutside('named', 'foreign')
    const two = await run('named', 'two')
    const unknown = await preview('named', '00000000-0000-4000-8000-000000000000')
    expect([unknown.status, unknown.json.error.code]).toEqual([404, 'SYS_005'])
    const { data } = (await preview('named', foreign)).json
    expect(data).toMatchObject({ targetVersion: foreign, targetDeployment: null })
    expect((await rollBack('named', { targetVersion: foreign })).status).toBe(202)
    await drive(world, worker, two)
    expect(await textOf('named')).toBe('foreign')
    // The restored version serves, so a second rollback has nothing to do.
    const again = await rollBack('named')
    expect([again.status, again.json.error.message]).toEqual([409, expect.stringContaining('already')])
    for (const same of [again, await preview('named', foreign)]) {
      expect(same.status).toBe(409)
      expect(same.json.error.details).toMatchObject({ serves: true, targetVersion: foreign })
    }
    expect((await listed('named')).rollback).toMatchObject({
      ...{ available: false, serves: true, targetVersion: foreign, targetDeployment: null },
      reason: `Version ${foreign} already serves`,
    })
  })
})

describe('traffic changed outside Capstan', () => {
  test('to several versions is listed with its shares; a rollback gives all of it to the good version', async () => {
    const one = await run('shared', 'one')
    const own = await versionOf(one)
    const foreign = (await world.upload('shared-staging', {}, [{ name: 'main.js', content: hello('f') }]))
      .result.id
    await giveTraffic('shared', { [own]: 90, [foreign]: 10 })
    const { versions } = await listed('shared')
    expect(versions).toMatchObject([
      { id: foreign, state: 'serving', percentage: 10 },
      { id: own, state: 'serving', percentage: 90 },
    ])
    expect((await rollBack('shared')).json.data).toMatchObject({ targetVersion: own })
    await drive(world, worker, one)
    expect((await listed('shared')).serving).toMatchObject([{ version: own, percentage: 100 }])
  })

  test('to an earlier good version leaves nothing to roll back; the refusal suggests the later version', async () => {
    const [one, two] = [await run('moved', 'one'), await run('moved', 'two')]
    await giveTraffic('moved', { [await versionOf(one)]: 100 })
    const { versions, rollback } = await listed('moved')
    expect(versions).toMatchObject([
      { deploymentId: two, state: 'previous' },
      { deploymentId: one, state: 'serving' },
    ])
    expect(rollback).toMatchObject({ serves: true, targetDeployment: one })
    expect((await rollBack('moved')).json.error.suggestedAction).toContain(`--to ${two}`)
    expect((await rollBack('moved', { targetVersion: two })).status).toBe(202)
    await drive(world, worker, two)
    expect(await textOf('moved')).toBe('two')
  })

  test('to a version that was rolled back can be rolled back again', async () => {
    const [one, two] = [await run('back', 'one'), await run('back', 'two')]
    await rollBack('back')
    await drive(world, worker, two)
    await giveTraffic('back', { [await versionOf(two)]: 100 })
    expect((await rollBack('back')).json.data).toMatchObject({ targetDeployment: one })
    await drive(world, worker, two)
    expect(await textOf('back')).toBe('one')
  })
})

describe('a cloud that does not report the serving version', () => {
  test('makes a rollback without a named version fail, and no version is shown as serving', async () => {
    const [one, two] = [await run('silent', 'one'), await run('silent', 'two')]
    silence()
    const answer = await listed('silent')
    const suggested = expect.stringContaining(`capstan rollback silent --environment staging --to ${one}`)
    expect(answer.servingUnknown).toContain('The local cloud could not be asked which version serves')
    expect(answer).toMatchObject({ serving: null, rollback: { available: false, serves: false } })
    for (const refused of [await rollBack('silent'), await preview('silent')]) {
      expect([refused.status, refused.json.error.message]).toEqual([
        424,
        expect.stringContaining('could not be asked'),
      ])
      expect(refused.json.error.suggestedAction).toContain(`--to ${one}`)
    }
    expect(answer.rollback).toMatchObject({ code: 'STATE_003', suggestedAction: suggested })
    const started = await rollBack('silent', { targetVersion: one })
    expect([started.status, started.json.data.replaces]).toEqual([202, null])
    expect(started.json.data.servingUnknown).toContain('could not be asked')
    world.proxy.reset()
    await drive(world, worker, two)
    expect(await textOf('silent')).toBe('one')
  })

  test('fails a rollback request after five seconds', async () => {
    await run('slow', 'one')
    const fault = { kind: 'silence', done: false } as const
    world.proxy.fault({ method: 'GET', path: /slow-staging\/deployments$/, times: 50, fault })
    const begun = performance.now()
    const refused = await rollBack('slow')
    expect(performance.now() - begun).toBeLessThan(15_000)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
    expect(refused.json.error.message).toContain('no answer within 5 s')
    expect(refused.json.error.suggestedAction).toBe('Try again once the cloud answers')
    expect((await listed('slow')).rollback).toMatchObject({ code: 'SYS_002', retryable: true })
  })

  test('does not prevent the cancellation and rollback of a running deployment', async () => {
    await run('running', 'one')
    const id = await world.started({ appName: 'running', script: hello('two') })
    await drive(world, worker, id, 'health_check')
    silence()
    expect((await rollBack('running')).status).toBe(202)
    world.proxy.reset()
    await drive(world, worker, id)
    expect(await textOf('running')).toBe('one')
  })
})

test('a rollback to a version that the cloud no longer offers is refused, and no refusal suggests it', async () => {
  const [one, two] = [await run('aged', 'one'), await run('aged', 'two')]
  const list = (await world.script('GET', 'aged-staging/versions')).body
  list.result.items = list.result.items.filter(
    ({ annotations }: { annotations: Record<string, string> }) => annotations['workers/tag'] !== one,
  )
  const fault = { kind: 'answer', status: 200, body: JSON.stringify(list) } as const
  world.proxy.fault({ method: 'GET', path: /aged-staging\/versions$/, times: 50, fault })
  expect((await listed('aged')).versions).toMatchObject([
    { deploymentId: two, available: true },
    { deploymentId: one, available: false },
  ])
  for (const refused of [await preview('aged', one), await rollBack('aged', { targetVersion: one })]) {
    expect([refused.status, refused.json.error.message]).toEqual([
      409,
      expect.stringContaining('100 newest versions'),
    ])
    expect(refused.json.error.suggestedAction).not.toContain(one)
  }
})

test('a rollback of an app whose Worker was deleted outside Capstan is refused with the reason', async () => {
  await run('deleted', 'one')
  await run('deleted', 'two')
  await world.callCloud('DELETE', `${world.scriptsPath}/deleted-staging?force=true`)
  const refused = await rollBack('deleted')
  expect([refused.status, refused.json.error.message]).toEqual([
    409,
    expect.stringContaining('was deleted outside Capstan'),
  ])
  const noTarget = { available: false, serves: false, suggestedAction: null }
  expect((await listed('deleted')).rollback).toMatchObject(noTarget)
  // The new Worker has none of the earlier versions.
  await run('deleted', 'three')
  expect((await listed('deleted')).rollback).toMatchObject(noTarget)
})

test('a rollback reads the cloud again if a deployment ends during the first read', async () => {
  const one = await run('racing', 'one')
  const id = await world.started({ appName: 'racing', script: hello('two') })
  await drive(world, worker, id, 'deploy_worker')
  const path = /racing-staging\/deployments$/
  const meanwhile = () => drive(world, worker, id)
  world.proxy.fault({ method: 'GET', path, fault: { kind: 'pass', meanwhile } })
  const started = await rollBack('racing')
  expect([started.status, started.json.data]).toMatchObject([
    202,
    { deploymentId: id, targetDeployment: one, replaces: [{ deploymentId: id }] },
  ])
  await drive(world, worker, id)
  expect(await textOf('racing')).toBe('one')
})
