import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Runner, startWorld, type World } from '../harness.ts'
import { enumerate, expectWhole } from './crash.ts'
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

test('a crash anywhere in the upload of static files is recovered by the next worker', async () => {
  const textOf = new Map<string, string>()
  const points = await enumerate(
    world,
    { lanes: [{ mortals, ways: [world.proxy] }], heir },
    {
      title: 'a deployment with static files',
      jobs: ['upload_assets', 'deploy_worker'],
      async begin() {
        const content = `page ${++made}`
        const digest = createHash('sha256').update(content).digest('hex')
        await world.call(`/deploy/blobs/${digest}`, {
          method: 'PUT',
          headers: { 'content-type': 'application/octet-stream' },
          raw: content,
        })
        const file = { path: '/index.html', digest, size: content.length, contentType: 'text/html' }
        const assets = { files: [file], config: {} }
        const id = await world.started({ appName: 'paged', assets }, { maxRetries: 0 })
        textOf.set(id, content)
        return id
      },
      check: (id) => expectWhole(world, 'paged-staging', { id, text: textOf.get(id) ?? '' }),
    },
  )
  expect(points).toBeGreaterThanOrEqual(3 * 5)
})
