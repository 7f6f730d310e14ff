import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { drive, hello, openJob, type Runner, startWorld, type World } from '../harness.ts'
import { enumerate, expectEnded, expectWhole, lookAt, moments } from './crash.ts'
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
const options = { traffic: { steps: [50, 100], everySeconds: 1 }, maxRetries: 0 }
const path = (appName: string) => `${appName}-staging/deployments`

/** The shares that a version had, one after the other. */
async function sharesOf(appName: string, version: string): Promise<number[]> {
  const { deployments } = (await world.script('GET', path(appName))).result
  return deployments.toReversed().flatMap(({ versions }: { versions: Share[] }) => {
    const own = versions.find((each) => each.version_id === version)
    return own === undefined ? [] : [own.percentage]
  })
}
interface Share {
  version_id: string
  percentage: number
}

/** Deploys an app, and starts the gradual deployment of its next version. */
async function begin(appName: string): Promise<string> {
  return world.started({ appName, script: hello(`version ${++made}`) }, options)
}

/** Runs the step until the version has half of the traffic, and the time of the next step has come. */
async function halfway(appName: string): Promise<string> {
  const id = await begin(appName)
  await drive(world, heir, id, 'deploy_worker')
  await turn(id)
  const { traffic } = await world.status(id)
  expect(traffic.percentage, await world.messages(id)).toBe(50)
  const since = new Date(Date.parse(traffic.since) - 60_000).toISOString()
  const earlier = world.ctx.db.raw(`traffic || ?`, JSON.stringify({ since }))
  await world.ctx.db('deployments').where({ id }).update({ traffic: earlier })
  return id
}

async function turn(id: string): Promise<void> {
  const job = await openJob(world.ctx, id)
  await heir.runner.run(deliveryOf(job.id, job.queue))
}

test.each([
  ['the check at 0 % and the first raise', 'first', begin],
  ['the last raise of the traffic', 'last', halfway],
])('a crash anywhere in %s continues, and never lowers the share', async (title, name, started) => {
  const apps = moments.map((_, lane) => `${name}-${lane}`)
  for (const appName of apps) await drive(world, heir, await world.started({ appName }))
  const points = await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title,
      jobs: ['deploy_worker'],
      begin: (lane) => started(apps[lane] ?? ''),
      async check(id) {
        const { appName, version } = (await world.status(id)).metadata
        const { text } = await world.get(`${appName}-staging`)
        await expectWhole(world, `${appName}-staging`, { id, text })
        const shares = await sharesOf(appName, version)
        expect(shares).toEqual(shares.toSorted((a, b) => a - b))
        expect([...new Set(shares)]).toEqual([0, 50, 100])
      },
    },
  )
  expect(points).toBeGreaterThanOrEqual(3 * 6)
})

test('a crash anywhere in the rollback from half of the traffic is recovered', async () => {
  const apps = moments.map((_, lane) => `half-${lane}`)
  const goods = new Map<string, string>()
  for (const appName of apps) {
    const id = await world.started({ appName })
    await drive(world, heir, id)
    goods.set(appName, (await world.status(id)).metadata.version)
  }
  await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'rollback from half of the traffic',
      jobs: ['rollback'],
      async begin(lane) {
        const id = await halfway(apps[lane] ?? '')
        expect((await world.call(`/deploy/${id}/cancel`, { method: 'POST' })).status).toBe(202)
        await drive(world, heir, id, 'rollback')
        return id
      },
      async check(id) {
        await expectEnded(world, id, 'rolled_back')
        const { appName } = (await world.status(id)).metadata
        const { serving } = await lookAt(world, `${appName}-staging`, id)
        expect(serving).toEqual([{ version_id: goods.get(appName), percentage: 100 }])
      },
    },
  )
})
