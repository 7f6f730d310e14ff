import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { drive, hello, type Runner, startWorld, type World } from '../harness.ts'
import { enumerate, expectEnded, lookAt, moments } from './crash.ts'
import { startLanes } from './mortals.ts'

// Real processes start and die here, many of them.
vi.setConfig({ testTimeout: 900_000 })

let world: World
let runs: Awaited<ReturnType<typeof startLanes>>
let heir: Runner
beforeAll(async () => {
  world = await startWorld()
  heir = await world.worker()
  runs = await startLanes(world, moments.length)
})
afterAll(async () => {
  await runs?.stop()
  await world?.stop()
})

let made = 0
const scripts = async () =>
  (await world.callCloud('GET', world.scriptsPath)).result.map((each: { id: string }) => each.id)

/** A deployment that is cancelled before its last step: its rollback waits. */
async function rollingBack(appName: string, config: object = {}): Promise<string> {
  const id = await world.started({ appName, script: hello(`bad ${++made}`), ...config })
  await drive(world, heir, id, 'health_check')
  await world.call(`/deploy/${id}/cancel`, { method: 'POST' })
  expect((await world.status(id)).status).toBe('rolling_back')
  return id
}

test('a crash anywhere in a rollback to the previous version is recovered by the next worker', async () => {
  const apps = await Promise.all(
    moments.map(async (_, lane) => {
      const appName = `back-${lane}`
      const good = await world.started({ appName, script: hello('good'), secrets: { KEY: 'old' } })
      await drive(world, heir, good)
      return { appName, version: (await world.status(good)).metadata.version }
    }),
  )
  const points = await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'rollback, over changed secrets, of an opened address',
      jobs: ['rollback'],
      async begin(lane) {
        const { appName = '' } = apps[lane] ?? {}
        await world.script('POST', `${appName}-staging/subdomain`, { enabled: false })
        return rollingBack(appName, { secrets: { KEY: `new ${made}` }, workersDev: true })
      },
      async check(id) {
        await expectEnded(world, id, 'rolled_back')
        const { appName } = (await world.status(id)).metadata
        const script = `${appName}-staging`
        const version = apps.find((app) => app.appName === appName)?.version
        const { marked, serving } = await lookAt(world, script, id)
        expect(marked).toHaveLength(1)
        expect(serving).toEqual([{ version_id: version, percentage: 100 }])
        expect((await world.script('GET', `${script}/subdomain`)).result.enabled).toBe(false)
        const rows = await world.ctx.db('deployment_compensations').where({ deployment_id: id })
        expect(rows.map((row) => row.status)).toEqual(['completed', 'completed'])
      },
    },
  )
  expect(points).toBeGreaterThanOrEqual(3 * 9)
})

test('a crash anywhere in the rollback of a first deployment is recovered by the next worker', async () => {
  await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'rollback, of a new script',
      jobs: ['rollback'],
      begin: (lane) => rollingBack(`gone-${lane}-${made}`),
      async check(id) {
        await expectEnded(world, id, 'rolled_back')
        const { appName } = (await world.status(id)).metadata
        expect(await scripts()).not.toContain(`${appName}-staging`)
      },
    },
  )
})

test('a crash anywhere in a check for late arrivals is recovered by the next check', async () => {
  const module = [{ name: 'main.js', content: hello('duplicate') }]
  await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'late-arrivals, with a duplicate in force',
      jobs: ['late-arrivals'],
      async begin() {
        const appName = `late-${++made}`
        const id = await world.started({ appName, script: hello('proper') })
        world.proxy.fault({ method: 'PUT', path: new RegExp(`${appName}-staging$`), fault: { kind: 'lose' } })
        await drive(world, heir, id)
        await world.put(`${appName}-staging`, { annotations: { 'workers/tag': id } }, module)
        return id
      },
      jobOf: lateJob,
      async check(id) {
        const { id: job, queue } = await lateJob(id)
        await heir.runner.run(deliveryOf(job, queue))
        const { metadata } = await world.status(id)
        const { serving } = await lookAt(world, `${metadata.appName}-staging`, id)
        expect(serving).toEqual([{ version_id: metadata.version, percentage: 100 }])
        expect((await world.get(`${metadata.appName}-staging`)).text).toBe('proper')
        expect(await world.ctx.db('target_holds').where({ app: metadata.appName })).toEqual([])
      },
    },
  )
})

const lateJob = (id: string) =>
  world.ctx
    .db('jobs')
    .where({ name: 'late-arrivals', subject: `deployment:${id}` })
    .first()

test('a crash anywhere in the deletion of an app is recovered by the next worker', async () => {
  const jobs = new Map<string, string>()
  await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'delete-app',
      jobs: ['delete-app'],
      async begin() {
        const appName = `deleted-${++made}`
        const id = await world.started({ appName })
        await drive(world, heir, id)
        const deletion = { method: 'DELETE', json: { confirm: appName } }
        const answer = await world.call(`/deploy/apps/${appName}/staging`, deletion)
        jobs.set(id, answer.json.data.jobId)
        return id
      },
      jobOf: (id) =>
        world.ctx
          .db('jobs')
          .where({ id: jobs.get(id) })
          .first(),
      async check(id) {
        const job = jobs.get(id) ?? ''
        await heir.runner.run(deliveryOf(job, 'rollback'))
        expect((await world.call(`/jobs/${job}`)).json.state).toBe('completed')
        const { appName } = (await world.status(id)).metadata
        expect(await scripts()).not.toContain(`${appName}-staging`)
        expect((await world.call(`/deploy/apps/${appName}/staging/versions`)).status).toBe(404)
        expect(await world.ctx.db('target_holds').where({ app: appName })).toEqual([])
      },
    },
  )
})
