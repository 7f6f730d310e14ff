import { afterAll, beforeAll, expect, test } from 'vitest'
import { dieAt, enumerate, lookAt, type Point } from './crash.ts'
import { drive, expectGapFree, hello, startWorld, type World } from './harness.ts'

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

/** Drives to the step, dies in it, and goes on in another process. */
async function dieIn(step: string, id: string, point: Point): Promise<string | undefined> {
  await drive(world, mortal, id, step)
  const reached = await dieAt(world, { worker: mortal, id, point })
  await drive(world, heir, id)
  return reached
}

/** Completed; one version has the mark, and all the traffic. */
async function expectWhole(script: string, id: string, text: string): Promise<void> {
  const { status, metadata } = await world.status(id)
  expect(status).toBe('completed')
  const { marked, serving } = await lookAt(world, script, id)
  expect(marked).toEqual([metadata.version])
  expect(serving).toEqual([{ version_id: metadata.version, percentage: 100 }])
  expect((await world.get(script)).text).toBe(text)
  expectGapFree(await world.logs(id))
  expect((await world.logs(id)).filter((line) => line.type === 'end')).toHaveLength(1)
}

test('a death anywhere in the step that creates a script with classes is made good by the next holder', async () => {
  await enumerate('deploy_worker, new script', async (point) => {
    const appName = `born-${++made}`
    const script = `
      import { DurableObject } from 'cloudflare:workers'
      export class Room extends DurableObject {}
      ${hello(appName)}`
    const id = await world.started({ appName, script, durableObjects: ['Room'] })
    const reached = await dieIn('deploy_worker', id, point)
    await expectWhole(`${appName}-staging`, id, appName)
    return reached
  })
}, 90_000)

test('a death anywhere in the step that uploads a further version is made good by the next holder', async () => {
  const appName = 'further'
  await drive(world, mortal, await world.started({ appName }))
  await enumerate('deploy_worker, further version', async (point) => {
    const text = `version ${++made}`
    const id = await world.started({ appName, script: hello(text) })
    const reached = await dieIn('deploy_worker', id, point)
    await expectWhole(`${appName}-staging`, id, text)
    return reached
  })
}, 90_000)

test('a death anywhere in the step that opens the address is made good by the next holder', async () => {
  const appName = 'address'
  await drive(world, mortal, await world.started({ appName }))
  await enumerate('configure_dns', async (point) => {
    const text = `version ${++made}`
    await world.script('POST', `${appName}-staging/subdomain`, { enabled: false })
    const id = await world.started({ appName, script: hello(text) })
    const reached = await dieIn('configure_dns', id, point)
    await expectWhole(`${appName}-staging`, id, text)
    return reached
  })
}, 90_000)

test('a death uses up no attempt: a step without retries survives it', async () => {
  const id = await world.started({ appName: 'frugal' }, { maxRetries: 0 })
  await dieIn('deploy_worker', id, { call: 4, moment: 'after it is sent' })
  await expectWhole('frugal-staging', id, 'hello')
})
