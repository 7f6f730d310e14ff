import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { hello, type Runner, startWorld, type World } from '../harness.ts'
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

test('a crash anywhere in the steps of a first deployment is recovered by the next worker', async () => {
  const appOf = new Map<string, string>()
  const points = await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'a first deployment with a class',
      jobs: steps,
      async begin() {
        const appName = `born-${++made}`
        const script = `
          import { DurableObject } from 'cloudflare:workers'
          export class Room extends DurableObject {}
          ${hello(appName)}`
        const id = await world.started({ appName, script, durableObjects: ['Room'] }, { maxRetries: 0 })
        appOf.set(id, appName)
        return id
      },
      check: (id) => expectWhole(world, `${appOf.get(id)}-staging`, { id, text: appOf.get(id) ?? '' }),
    },
  )
  expect(points).toBeGreaterThanOrEqual(3 * 17)
})
