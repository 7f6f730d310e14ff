import { expect, test, vi } from 'vitest'
import { until } from '../../helpers/until.ts'
import type { ApiCall, Fault } from '../cloudflare/fault-proxy.ts'
import { expectEnded, expectWhole, lookAt } from '../crashes/crash.ts'
import { drive, hello, type Runner, startWorld, type World } from '../harness.ts'

vi.setConfig({ testTimeout: 600_000 })

const answer = (status: number, headers: Record<string, string> = {}): Fault => ({
  kind: 'answer',
  ...{ status, headers, body: JSON.stringify({ success: false, errors: [], messages: [], result: null }) },
})
const bad: Record<string, Fault> = {
  'a rate limit': answer(429, { 'retry-after': '0' }),
  'a server fault': answer(500),
  'nothing, and the call is lost': { kind: 'drop' },
  'nothing, though it was done': { kind: 'lose' },
  'a success that is cut off': { kind: 'truncate' },
  'no answer at all, and it was not done': { kind: 'silence', done: false },
  'no answer at all, though it was done': { kind: 'silence', done: true },
}

const nameOf = ({ method, path }: ApiCall) =>
  `${method} ${path
    .replace(/accounts\/[^/]+/, 'accounts')
    .replace(/scripts\/[^/]+/, 'scripts/{name}')
    .replace(/versions\/[^/]+/, 'versions/{id}')}`

/** Every call goes wrong the first time in each of the courses. */
async function everyCallOnce(
  world: World,
  { runner, app, fault }: Runner & { app: string; fault: Fault },
): Promise<string[]> {
  const script = `${app}-staging`
  const met: string[] = []
  const course = () => {
    const seen = new Set<string>()
    world.proxy.decide((call) => {
      const name = nameOf(call)
      if (call.path.startsWith('worker:') || seen.has(name)) return undefined
      seen.add(name)
      met.push(name)
      return fault
    })
  }
  const clear = () => world.proxy.decide(() => undefined)
  const patient = { maxRetries: 10 }
  const room = `import { DurableObject } from 'cloudflare:workers'
    export class Room extends DurableObject {}
    ${hello('first')}`
  const first = await world.started({ appName: app, script: room, durableObjects: ['Room'] }, patient)
  course()
  await drive(world, { runner }, first)
  clear()
  await expectWhole(world, script, { id: first, text: 'first' })

  await world.script('POST', `${script}/subdomain`, { enabled: false })
  const config = {
    ...{ appName: app, script: room.replace("'first'", "'second'"), durableObjects: ['Room'] },
    workersDev: true,
  }
  const second = await world.started(config, patient)
  course()
  await drive(world, { runner }, second, 'health_check')
  clear()
  await world.call(`/deploy/${second}/rollback`, { json: {} })
  course()
  await drive(world, { runner }, second)
  clear()
  await expectEnded(world, second, 'rolled_back')
  const { serving } = await lookAt(world, script, first)
  expect(serving).toEqual([{ version_id: (await world.status(first)).metadata.version, percentage: 100 }])
  expect((await world.script('GET', `${script}/subdomain`)).result.enabled).toBe(false)
  return met
}

test('a fault at every call of every step and rollback does not change the result', async () => {
  const kinds = Object.entries(bad)
  const waiting = kinds.toReversed()
  // Clouds side by side: most of the time is pauses.
  const lane = async () => {
    const world = await startWorld({ env: { CLOUDFLARE_ANSWER_SECONDS: '2' } })
    try {
      const { runner } = await world.worker()
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [name, fault] = next
        const app = `weather-${kinds.indexOf(next)}`
        const met = await everyCallOnce(world, { runner, app, fault }).catch((error: unknown) => {
          throw new Error(`with ${name}`, { cause: error })
        })
        expect(met.length, name).toBeGreaterThan(20)
        console.info(`${name}: ${met.length} calls`)
      }
    } finally {
      await world.stop()
    }
  }
  await Promise.all([lane(), lane(), lane()])
})

test('emptying the queue store at every call of every step loses nothing', async () => {
  // On a busy machine a run may lose its lease in the middle of an upload: the next one waits for that.
  const world = await startWorld({ env: { CLOUDFLARE_SETTLE_SECONDS: '5' } })
  try {
    await world.work()
    const { db } = world.ctx
    const { rows } = await db.raw(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname = 'bullmq' and tablename <> 'migration'`,
    )
    const names = rows.map((row: { name: string }) => row.name).join(', ')
    const emptied = new Set<string>()
    world.proxy.decide((call) => {
      const name = nameOf(call).replace(/worker:[^/]+/, 'worker')
      if (emptied.has(name)) return undefined
      emptied.add(name)
      return { kind: 'pass', meanwhile: async () => void (await db.raw(`truncate ${names} cascade`)) }
    })
    const apps = ['one', 'two', 'three', 'four']
    const ids = await Promise.all(apps.map((appName) => world.started({ appName, script: hello(appName) })))
    await until(async () => (await db('deployments').whereNull('finished_at')).length === 0, {
      timeoutMs: 120_000,
    })
    for (const [index, id] of ids.entries()) {
      await expectWhole(world, `${apps[index]}-staging`, { id, text: apps[index] ?? '' })
    }
    expect(emptied.size).toBeGreaterThan(10)
    console.info(`emptied at ${emptied.size} calls`)
  } finally {
    await world.stop()
  }
})
