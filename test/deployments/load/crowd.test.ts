import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { until } from '../../helpers/until.ts'
import { expectGapFree, hello, startWorld, type World } from '../harness.ts'

vi.setConfig({ testTimeout: 600_000 })

let world: World
beforeAll(async () => {
  world = await startWorld()
  await world.work()
})
afterAll(() => world.stop())

const apps = Array.from({ length: 6 }, (_, index) => `crowd-${index + 1}`)
const rounds = 3

test('many simultaneous deployments all succeed, none starves, and nothing is left behind', async () => {
  const { db } = world.ctx
  const ended = new Map<string, number[]>()
  const deployRounds = async (appName: string) => {
    for (let round = 1; round <= rounds; round++) {
      const id = await world.started({ appName, script: hello(`${appName} ${round}`) })
      const over = async () =>
        (await db('deployments').where({ id }).whereNotNull('finished_at').first())?.status
      expect(await until(over, { timeoutMs: 120_000 })).toBe('completed')
      ended.set(appName, [...(ended.get(appName) ?? []), Date.now()])
      expectGapFree(await world.logs(id))
    }
  }
  await Promise.all(apps.map(deployRounds))
  for (const app of apps) {
    expect((await world.get(`${app}-staging`)).text).toBe(`${app} ${rounds}`)
    const states = (await world.versions(app)).map((each) => each.state)
    expect(states).toEqual(['serving', ...Array(rounds - 1).fill('previous')])
  }
  // None has waited for the others to be through: each had ended once before the first one was at its last round.
  const firsts = [...ended.values()].map(([first = 0]) => first)
  const lasts = [...ended.values()].map((times) => times.at(-1) ?? 0)
  expect(Math.max(...firsts)).toBeLessThan(Math.max(...lasts))
  expect(await db('jobs').where({ state: 'running' })).toEqual([])
  expect(await db('jobs').whereNotNull('lease_until')).toEqual([])
  expect(await db('target_holds')).toEqual([])
})
