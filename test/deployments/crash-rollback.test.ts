import { afterAll, beforeAll, expect, test } from 'vitest'
import { dieAt, enumerate, lookAt } from './crash.ts'
import { drive, expectGapFree, hello, openJob, startWorld, type World } from './harness.ts'

type Worker = Awaited<ReturnType<World['worker']>>

let world: World
let mortal: Worker
let heir: Worker
beforeAll(async () => {
  world = await startWorld()
  mortal = await world.worker()
  heir = await world.worker('beside')
})
afterAll(() => world.stop())

let made = 0

/** A deployment that is cancelled before its last step: its rollback waits. */
async function rollingBack(appName: string): Promise<string> {
  const id = await world.started({ appName, script: hello(`bad ${++made}`) })
  await drive(world, mortal, id, 'health_check')
  const job = await openJob(world.ctx, id)
  await world.call(`/jobs/${job.id}/cancel`, { method: 'POST' })
  expect((await world.status(id)).status).toBe('rolling_back')
  return id
}

async function expectRolledBack(id: string): Promise<void> {
  expect((await world.status(id)).status).toBe('rolled_back')
  const logs = await world.logs(id)
  expectGapFree(logs)
  expect(logs.filter((line) => line.type === 'end')).toHaveLength(1)
  expect(logs.at(-1)).toMatchObject({ type: 'end', status: 'rolled_back' })
}

test('a death anywhere in a rollback to the version before is made good by the next holder', async () => {
  const [appName, script] = ['back', 'back-staging']
  const good = await world.started({ appName, script: hello('good') })
  await drive(world, mortal, good)
  const { version } = (await world.status(good)).metadata
  await enumerate('rollback, to the version before', async (point) => {
    // Closed before the deployment: the rollback also has an address to close again.
    await world.script('POST', `${script}/subdomain`, { enabled: false })
    const id = await rollingBack(appName)
    const reached = await dieAt(world, { worker: mortal, id, point })
    await drive(world, heir, id)
    await expectRolledBack(id)
    const { marked, serving } = await lookAt(world, script, id)
    expect(marked).toHaveLength(1)
    expect(serving).toEqual([{ version_id: version, percentage: 100 }])
    expect((await world.script('GET', `${script}/subdomain`)).result.enabled).toBe(false)
    return reached
  })
}, 90_000)

test('a death anywhere in the rollback of a first deployment is made good by the next holder', async () => {
  await enumerate('rollback, of a new script', async (point) => {
    const appName = `gone-${++made}`
    const id = await rollingBack(appName)
    const reached = await dieAt(world, { worker: mortal, id, point })
    await drive(world, heir, id)
    await expectRolledBack(id)
    const { result } = await world.callCloud('GET', world.scriptsPath)
    expect(result.map((each: { id: string }) => each.id)).not.toContain(`${appName}-staging`)
    return reached
  })
}, 90_000)
