import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { drive, hello, openJob, type Runner, startWorld, type World } from '../harness.ts'
import { enumerate, expectWhole, moments } from './crash.ts'
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
const steps = ['cloudflare_auth', 'check_quotas', 'deploy_worker', 'configure_dns', 'health_check']

test('a crash anywhere in the steps of a later deployment is recovered by the next worker', async () => {
  await Promise.all(
    moments.map(async (_, lane) => drive(world, heir, await world.started({ appName: `further-${lane}` }))),
  )
  const textOf = new Map<string, string>()
  const points = await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'a further deployment, to a closed address',
      jobs: steps,
      async begin(lane) {
        const [appName, text] = [`further-${lane}`, `version ${++made}`]
        await world.script('POST', `${appName}-staging/subdomain`, { enabled: false })
        const config = { appName, script: hello(text), workersDev: true }
        const id = await world.started(config, { maxRetries: 0 })
        textOf.set(id, text)
        return id
      },
      async check(id) {
        const { appName } = (await world.status(id)).metadata
        await expectWhole(world, `${appName}-staging`, { id, text: textOf.get(id) ?? '' })
      },
    },
  )
  expect(points).toBeGreaterThanOrEqual(3 * 17)
})

test('a crash anywhere in a second attempt after a lost upload answer is recovered', async () => {
  await Promise.all(
    moments.map(async (_, lane) => drive(world, heir, await world.started({ appName: `second-${lane}` }))),
  )
  await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'deploy_worker, when its version is there already',
      jobs: ['deploy_worker'],
      async begin(lane) {
        const appName = `second-${lane}`
        const id = await world.started({ appName, script: hello('second') })
        await drive(world, heir, id, 'deploy_worker')
        const path = new RegExp(`${appName}-staging/versions$`)
        world.proxy.fault({ method: 'POST', path, fault: { kind: 'lose' } })
        const job = await openJob(world.ctx, id)
        await heir.runner.run(deliveryOf(job.id, job.queue))
        return id
      },
      async check(id) {
        const { appName } = (await world.status(id)).metadata
        await expectWhole(world, `${appName}-staging`, { id, text: 'second' })
      },
    },
  )
})
