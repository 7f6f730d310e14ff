import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { deliveryOf } from '../platform/job-harness.ts'
import { enumerate, expectWhole } from './crash.ts'
import { drive, hello, openJob, type Runner, startWorld, type World } from './harness.ts'
import { type Mortals, startMortals } from './mortals.ts'

// Real processes start and die here, many of them.
vi.setConfig({ testTimeout: 900_000 })

let world: World
let mortals: Mortals
let heir: Runner
beforeAll(async () => {
  world = await startWorld()
  heir = await world.worker()
  mortals = startMortals(world)
})
afterAll(async () => {
  await mortals?.stop()
  await world?.stop()
})

let made = 0
const steps = ['cloudflare_auth', 'check_quotas', 'deploy_worker', 'configure_dns', 'health_check']

test('a death anywhere in the steps of a further deployment is made good by the next holder', async () => {
  await drive(world, heir, await world.started({ appName: 'further' }))
  const textOf = new Map<string, string>()
  const points = await enumerate(
    world,
    { mortals, heir },
    {
      title: 'a further deployment, to a closed address',
      jobs: steps,
      async begin() {
        const text = `version ${++made}`
        await world.script('POST', 'further-staging/subdomain', { enabled: false })
        const id = await world.started({ appName: 'further', script: hello(text) }, { maxRetries: 0 })
        textOf.set(id, text)
        return id
      },
      check: (id) => expectWhole(world, 'further-staging', { id, text: textOf.get(id) ?? '' }),
    },
  )
  expect(points).toBeGreaterThanOrEqual(3 * 17)
})

test('a death anywhere in a second attempt, after the answer of the upload was lost, too', async () => {
  await drive(world, heir, await world.started({ appName: 'second' }))
  await enumerate(
    world,
    { mortals, heir },
    {
      title: 'deploy_worker, when its version is there already',
      jobs: ['deploy_worker'],
      async begin() {
        const id = await world.started({ appName: 'second', script: hello('second') })
        await drive(world, heir, id, 'deploy_worker')
        world.proxy.fault({ method: 'POST', path: /second-staging\/versions$/, fault: { kind: 'lose' } })
        const job = await openJob(world.ctx, id)
        await heir.runner.run(deliveryOf(job.id, job.queue))
        return id
      },
      check: (id) => expectWhole(world, 'second-staging', { id, text: 'second' }),
    },
  )
})
