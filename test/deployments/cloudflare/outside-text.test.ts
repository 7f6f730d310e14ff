import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { drive, expectGapFree, startWorld, type World } from '../harness.ts'
import { refusal } from './fault-proxy.ts'

vi.setConfig({ testTimeout: 60_000 })

/** What PostgreSQL stores neither as text nor as JSON, in words of somebody else. */
const hostile = `no: \0 \ud800 \\u0000 ${'😀'.repeat(3000)}`

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world?.stop())

describe('an error with text that the database cannot store', () => {
  test.each([
    ['refused for good', refusal(400, 10021, hostile), 'DEPLOY_001', 1],
    ['refused for now', refusal(503, 10013, hostile), 'SYS_002', 2],
  ])(
    'fails its deployment with the right outcome, and no other (%s)',
    async (name, fault, code, attempts) => {
      const appName = name.replaceAll(' ', '-')
      const [bad, ...good] = await Promise.all([
        world.started({ appName }, { maxRetries: 1 }),
        world.started({ appName: `${appName}-1` }),
        world.started({ appName: `${appName}-2` }),
      ])
      world.proxy.fault({ method: 'PUT', path: new RegExp(`/scripts/${appName}-staging$`), times: 9, fault })
      world.proxy.fault({ method: 'POST', path: new RegExp(`/scripts/${appName}-staging/`), times: 9, fault })
      await Promise.all([bad, ...good].map((id) => drive(world, worker, id)))
      for (const id of good) expect((await world.status(id)).status).toBe('completed')
      const failed = await world.status(bad)
      expect(failed.error.code).toBe(code)
      expect(failed.error.message.isWellFormed()).toBe(true)
      expect(failed.error.message).toContain('no: \ufffd \ufffd')
      const jobs = await world.ctx.db('jobs').where({ subject: `deployment:${bad}`, state: 'failed' })
      expect(jobs.map((job) => [job.name, job.attempt, job.crashes])).toEqual([['deploy-step', attempts, 0]])
      expectGapFree(await world.logs(bad))
    },
  )
})
