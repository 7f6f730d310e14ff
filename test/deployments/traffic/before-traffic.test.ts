import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { drive, hello, type Runner, startWorld, type World } from '../harness.ts'

let world: World
let worker: Runner
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
  await deployed('plain')
})
afterAll(() => world?.stop())
beforeEach(() => world.proxy.reset())

const app = (text: string, status: number) =>
  `export default { fetch() { return new Response('${text}', { status: ${status} }) } }`

const healthCheck = { timeoutSeconds: 2 }

async function deployed(appName: string, config: object = {}): Promise<string> {
  const id = await world.started({ appName, script: app('old', 200), ...config })
  await drive(world, worker, id)
  const { status, metadata } = await world.status(id)
  expect(status, await world.messages(id)).toBe('completed')
  return metadata.version
}

/** The traffic changes of an app, oldest first: each as its shares. */
const changesOf = (appName: string) =>
  world.proxy
    .made('POST', new RegExp(`${appName}-staging/deployments$`))
    .map(({ body }) => body.versions.map((each: { percentage: number }) => each.percentage))

const serving = async (appName: string) =>
  (await world.script('GET', `${appName}-staging/deployments`)).result.deployments[0].versions

/** Requests the app all the time. @returns what ends it and gives the number of answers by their text */
function visit(script: string): () => Promise<Map<string, number>> {
  const answers = new Map<string, number>()
  let goesOn = true
  const visits = (async () => {
    while (goesOn) {
      const { status, text } = await world.get(script)
      const answer = `${status} ${text}`
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
    }
  })()
  return async () => {
    goesOn = false
    await visits
    return answers
  }
}

test('a version that fails its check at 0 % never answers a user', async () => {
  const old = await deployed('guarded')
  world.proxy.reset()
  const leave = visit('guarded-staging')
  const id = await world.started({ appName: 'guarded', script: app('new', 500), healthCheck })
  await drive(world, worker, id)
  const answers = await leave()
  const { status, error, currentStep, metadata } = await world.status(id)
  expect([status, error.code, currentStep.step]).toEqual(['rolled_back', 'DEPLOY_006', 'deploy_worker'])
  expect(error.message).toContain('at 0 % of the traffic within 2 s: answered 500. No request of a user')
  expect([...answers.keys()]).toEqual(['200 old'])
  expect(answers.get('200 old')).toBeGreaterThan(10)
  expect(changesOf('guarded')).toEqual([[100, 0], [100]])
  expect(await serving('guarded')).toEqual([{ version_id: old, percentage: 100 }])
  const transcript = await world.messages(id)
  expect(transcript).toContain(`Checking version ${metadata.version} at 0 % of the traffic`)
  console.info(`${transcript}\nanswers to users meanwhile: ${JSON.stringify([...answers])}`)
})

test('a version that passes it gets all traffic, and the proof is in the status', async () => {
  const old = await deployed('passing')
  world.proxy.reset()
  const { plan } = (await world.prepare({ appName: 'passing', script: hello('new') })).json.data
  expect(plan.checkBeforeTraffic).toEqual({ possible: true, reason: null, proof: 'response_header' })
  const id = await world.started({ appName: 'passing', script: hello('new') })
  await drive(world, worker, id)
  const { status, traffic, metadata } = await world.status(id)
  expect([status, traffic.check, traffic.percentage]).toEqual(['completed', 'proven', 100])
  expect(changesOf('passing')).toEqual([[100, 0], [100]])
  expect(await serving('passing')).toEqual([{ version_id: metadata.version, percentage: 100 }])
  expect(metadata.version).not.toBe(old)
})

test('an override that is silently not applied never counts as success of the new version', async () => {
  const old = await deployed('ignored')
  world.proxy.reset()
  // As on Cloudflare until the override has spread: by percentage, and nothing in the answer says so.
  world.proxy.decide(({ path }) =>
    path.startsWith('worker:ignored-staging')
      ? { kind: 'answer', status: 200, headers: { 'x-local-cloud-version': old }, body: 'old' }
      : undefined,
  )
  const id = await world.started({ appName: 'ignored', script: hello('new'), healthCheck })
  await drive(world, worker, id)
  const { status, error } = await world.status(id)
  expect([status, error.code]).toEqual(['rolled_back', 'DEPLOY_006'])
  expect(error.message).toContain(`version ${old} answered, as the override was not applied`)
  expect(await serving('ignored')).toEqual([{ version_id: old, percentage: 100 }])
})

test('without a proof the answers must be good for ten seconds, and the log says that nothing is proven', async () => {
  await deployed('unproven')
  world.proxy.loseHeaders('x-local-cloud-version')
  const id = await world.started({ appName: 'unproven', script: hello('new') })
  const begun = performance.now()
  await drive(world, worker, id)
  expect(performance.now() - begun).toBeGreaterThan(10_000)
  const { status, traffic } = await world.status(id)
  expect([status, traffic.check]).toEqual(['completed', 'not_proven'])
  expect(await world.messages(id)).toMatch(/answered 200 for ten seconds; not proven that version/)
})

test('a failed deployment that is not rolled back keeps the version at 0 %, and a retry checks again', async () => {
  const old = await deployed('retried')
  world.proxy.decide(({ path }) =>
    path.startsWith('worker:') ? { kind: 'answer', status: 503, body: 'busy' } : undefined,
  )
  const config = { appName: 'retried', script: hello('new'), healthCheck }
  const id = await world.started(config, { rollbackOnFailure: false })
  await drive(world, worker, id)
  const { status, metadata } = await world.status(id)
  expect(status).toBe('failed')
  const shares = await serving('retried')
  expect(shares).toContainEqual({ version_id: old, percentage: 100 })
  expect(shares).toContainEqual({ version_id: metadata.version, percentage: 0 })
  world.proxy.reset()
  expect((await world.call(`/deploy/${id}/retry`, { json: {} })).status).toBe(202)
  await drive(world, worker, id)
  expect((await world.status(id)).status, await world.messages(id)).toBe('completed')
  expect(changesOf('retried')).toEqual([[100]])
})

test.each([
  ['the first deployment', 'unborn', {}, 'this is the first deployment'],
  ['a new Durable Object class', 'plain', { durableObjects: ['Room'] }, 'the Durable Object classes change'],
  [
    'a check that is turned off',
    'plain',
    { healthCheck: { enabled: false } },
    'the health check is turned off',
  ],
])('the plan says why a check at 0 %% is impossible: %s', async (_title, appName, config, reason) => {
  const script = `import { DurableObject } from 'cloudflare:workers'
export class Room extends DurableObject {}
${app('new', 200)}`
  const answer = await world.prepare({ appName, script, ...config })
  const { plan, deploymentId } = answer.json.data
  expect(plan.checkBeforeTraffic).toEqual({
    possible: false,
    reason: expect.stringContaining(reason),
    proof: null,
  })
  const traffic = { steps: [50, 100], everySeconds: 60 }
  const refused = await world.deploy(deploymentId, { traffic })
  expect([refused.status, refused.json.error.message]).toEqual([409, expect.stringContaining(reason)])
})
