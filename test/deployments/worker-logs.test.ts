import { afterAll, beforeAll, expect, test } from 'vitest'
import { drive, startWorld, type World } from './harness.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ workerd: true })
})
afterAll(() => world.stop())

const throwing = `export default {
  fetch(request, env) {
    console.log('looking for the table of', env.KEY)
    throw new TypeError('no such table: visits')
  },
}`

test("a failed health check logs the Worker's lines and exception without its secrets", async () => {
  const worker = await world.worker()
  const id = await world.started({
    appName: 'broken',
    script: throwing,
    secrets: { KEY: 'a-secret-text' },
    // The first start of a Worker takes seconds on a loaded machine.
    healthCheck: { timeoutSeconds: 6 },
  })
  await drive(world, worker, id)
  expect((await world.status(id)).status).toBe('rolled_back')
  const texts = (await world.logs(id)).map((each) => each.message ?? '')
  expect(texts).toContainEqual('Worker (log): looking for the table of [secret]')
  expect(texts).toContainEqual(
    expect.stringMatching(
      /^Worker \(error\): Uncaught TypeError: no such table: visits\n {4}at Object.fetch \(\S+:4:11\)/,
    ),
  )
  // The first deployment's rollback has deleted the script.
  const logs = await world.call('/deploy/apps/broken/staging/logs')
  expect(logs.status).toBe(200)
  expect(logs.text).not.toContain('a-secret-text')
  expect(logs.json.data.logs).toContainEqual({
    time: expect.any(String),
    level: 'error',
    text: expect.stringMatching(/^Uncaught TypeError: no such table: visits\n {4}at Object.fetch/),
  })
  const absent = await world.call('/deploy/apps/absent/staging/logs')
  expect([absent.status, absent.json.error.code]).toEqual([404, 'SYS_005'])
})
