import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { until } from '../../helpers/until.ts'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { drive, hello, openJob, type Runner, startWorld, type World } from '../harness.ts'

let world: World
let worker: Runner
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
afterAll(() => world?.stop())
beforeEach(() => world.proxy.reset())

const traffic = { steps: [10, 50, 100], everySeconds: 1 }
const slow = { steps: [10, 50, 100], everySeconds: 3600 }
const healthCheck = { timeoutSeconds: 2 }

/** Deploys an app, and starts the gradual deployment of its next version. */
async function begun(appName: string, options: object = { traffic }) {
  const first = await world.started({ appName, script: hello('old') })
  await drive(world, worker, first)
  const { version: old } = (await world.status(first)).metadata
  world.proxy.reset()
  const id = await world.started({ appName, script: hello('new'), healthCheck }, options)
  await drive(world, worker, id, 'deploy_worker')
  return { id, old }
}

/** Runs the waiting job of a deployment once, as a worker does when its time has come. */
async function turn(id: string) {
  const job = await openJob(world.ctx, id)
  await worker.runner.run(deliveryOf(job.id, job.queue))
}

/** The shares that were set, the new version's last. */
const changesOf = (appName: string) =>
  world.proxy
    .made('POST', new RegExp(`${appName}-staging/deployments$`))
    .map(({ body }) => body.versions.map((each: { percentage: number }) => each.percentage))

const serving = async (appName: string) =>
  (await world.script('GET', `${appName}-staging/deployments`)).result.deployments[0].versions

const failNow = (appName: string, version: string) =>
  world.proxy.decide(({ path }) =>
    path.startsWith(`worker:${appName}-staging`)
      ? { kind: 'answer', status: 500, headers: { 'x-local-cloud-version': version } }
      : undefined,
  )

test('the traffic rises in steps, and the last one is all of it', async () => {
  const { id } = await begun('rising')
  await drive(world, worker, id)
  const { status, traffic: shown, metadata } = await world.status(id)
  expect(status, await world.messages(id)).toBe('completed')
  expect(changesOf('rising')).toEqual([[100, 0], [90, 10], [50, 50], [100]])
  expect(shown).toMatchObject({ percentage: 100, check: 'proven', nextPercentage: null, nextAt: null })
  expect(await serving('rising')).toEqual([{ version_id: metadata.version, percentage: 100 }])
})

test('between the steps the job waits, and the status shows the share and the time of the next step', async () => {
  const { id, old } = await begun('waiting', { traffic: slow })
  await turn(id)
  const job = await openJob(world.ctx, id)
  expect([job.state, job.payload.step]).toEqual(['queued', 'deploy_worker'])
  const { status, traffic: shown } = await world.status(id)
  expect([status, shown.percentage, shown.nextPercentage]).toEqual(['in_progress', 10, 50])
  expect(Date.parse(shown.nextAt) - Date.parse(shown.since)).toBe(3_600_000)
  await turn(id)
  expect(changesOf('waiting')).toEqual([
    [100, 0],
    [90, 10],
  ])
  const refused = await world.deploy(await world.planned({ appName: 'waiting', script: hello('other') }))
  expect(refused.status).toBe(409)
  const lines = (await world.messages(id)).match(/Deploying Worker and Durable Objects/g)
  expect(lines, 'a check does not start the step again').toHaveLength(1)
  expect((await world.call(`/deploy/${id}/cancel`, { method: 'POST' })).status).toBe(202)
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('rolled_back')
  expect(await serving('waiting')).toEqual([{ version_id: old, percentage: 100 }])
})

test('the first failed check returns all traffic to the old version', async () => {
  const { id, old } = await begun('failing', { traffic: slow })
  await turn(id)
  failNow('failing', (await world.status(id)).metadata.version)
  await turn(id)
  await drive(world, worker, id)
  const { status, error, traffic: shown } = await world.status(id)
  expect([status, error.code, shown]).toEqual(['rolled_back', 'DEPLOY_006', null])
  expect(error.message).toBe('/ failed at 10 % of the traffic: answered 500')
  expect(changesOf('failing')).toEqual([[100, 0], [90, 10], [100]])
  expect(await serving('failing')).toEqual([{ version_id: old, percentage: 100 }])
})

test('a worker that loses its answer, or takes over, continues with the same step', async () => {
  const { id } = await begun('taken')
  const path = /taken-staging\/deployments$/
  await turn(id)
  world.proxy.fault({ method: 'POST', path, fault: { kind: 'lose' } })
  await until(
    async () => {
      await turn(id)
      return (await world.status(id)).traffic.percentage === 50
    },
    { what: 'the second step was sent' },
  )
  await drive(world, worker, id)
  expect((await world.status(id)).status, await world.messages(id)).toBe('completed')
  expect(changesOf('taken')).toEqual([[100, 0], [90, 10], [50, 50], [100]])
})

test('traffic that somebody takes back by hand ends the deployment, which changes nothing more', async () => {
  const { id, old } = await begun('stopped', { traffic: slow })
  await turn(id)
  await world.script('POST', 'stopped-staging/deployments', {
    strategy: 'percentage',
    versions: [{ version_id: old, percentage: 100 }],
  })
  await turn(id)
  await drive(world, worker, id)
  const { status, error } = await world.status(id)
  expect([status, error.code]).toEqual(['failed', 'STATE_001'])
  expect(error.message).toContain('the new version, which had 10 % of the traffic, has none')
  expect(await serving('stopped')).toEqual([{ version_id: old, percentage: 100 }])
})

test('a rollback by hand in between, and one after a failure without a rollback, restore the old version', async () => {
  const { id, old } = await begun('halfway', { traffic: slow, rollbackOnFailure: false })
  await turn(id)
  failNow('halfway', (await world.status(id)).metadata.version)
  await turn(id)
  expect((await world.status(id)).status).toBe('failed')
  expect(await serving('halfway')).toHaveLength(2)
  world.proxy.reset()
  const preview = await world.call('/deploy/apps/halfway/staging/rollback')
  expect([preview.status, preview.json.data?.targetVersion]).toEqual([200, old])
  expect((await world.call('/deploy/apps/halfway/staging/rollback', { json: {} })).status).toBe(202)
  await drive(world, worker, id)
  expect((await world.status(id)).status, await world.messages(id)).toBe('rolled_back')
  expect(await serving('halfway')).toEqual([{ version_id: old, percentage: 100 }])
})

test.each([
  [{ steps: [50, 10, 100], everySeconds: 60 }],
  [{ steps: [10, 50], everySeconds: 60 }],
  [{ steps: [], everySeconds: 60 }],
  [{ steps: [100], everySeconds: 0 }],
])('steps that make no sense are refused: %j', async (wrong) => {
  const id = await world.planned({ appName: 'nonsense' })
  expect((await world.deploy(id, { traffic: wrong })).status).toBe(400)
})
