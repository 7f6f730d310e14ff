import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createReleaseStates } from '../../src/binary-releases/catalogue/release-states.ts'
import type { ObjectStore } from '../../src/binary-releases/object-store/index.ts'
import { createTestContext, startEngine, type TestContext } from '../helpers/context.ts'
import { until } from '../helpers/until.ts'
import { deliveryOf } from '../platform/jobs/job-harness.ts'
import { contentOf, deliver, sha256, startWorld, type World } from './harness.ts'

/** Where, around one call of the store, the process dies. */
const moments = ['before it is sent', 'after it is sent', 'after its answer, before our commit'] as const
interface Point {
  call: number
  moment: (typeof moments)[number]
}

const platform = 'linux-x86_64'

let world: World
let heirContext: TestContext
let heir: Awaited<ReturnType<typeof startEngine>>
beforeAll(async () => {
  world = await startWorld('folder', { RELEASE_PLATFORMS: platform })
  const { dataDir, ctx } = world
  heirContext = await createTestContext({ env: world.env, beside: ctx })
  expect(heirContext.config.dataDir).toBe(dataDir)
  heir = await startEngine(heirContext, { queues: [], without: ['dispatcher', 'reconciler'] })
})
afterAll(async () => {
  await heir?.stop()
  await heirContext?.dispose()
  await world?.stop()
})

/** Nobody ever sees a version that can't be downloaded, with the bytes it promises. */
async function expectWholeOrAbsent(version: string): Promise<void> {
  const latest = await world.call('/releases/latest')
  for (const about of new Set([version, latest.json.version ?? version])) {
    const { status, json } = await world.call(`/releases/${about}`)
    if (status === 404) continue
    expect(status).toBe(200)
    const { json: link } = await world.call(`/download/${about}/${platform}`)
    const file = Buffer.from(await (await fetch(link.download_url)).arrayBuffer())
    expect(sha256(file), about).toBe(json.platforms[platform])
  }
}

/** Another process has moved the channel: ours hears of it, which a busy database delays, and looks itself after 2 s. */
async function expectLatest(version: string): Promise<void> {
  const latest = async () => (await world.call('/releases/latest')).json.version === version
  await until(latest, { timeoutMs: 5000, what: `the latest release is ${version}` })
}

/** A test that is tried again needs versions that were not published yet. */
let series = 0

/** Whether a transaction of the run holds its row. One that only writes progress lets go at once. */
async function isHeld(jobId: string): Promise<boolean> {
  try {
    await world.ctx.db.transaction(async (trx) => {
      await trx.raw("set local lock_timeout = '400ms'")
      await trx('jobs').where({ id: jobId }).forUpdate().first('id')
    })
    return false
  } catch (error) {
    if ((error as { code?: string }).code === '55P03') return true
    throw error
  }
}

/**
 * Runs the job in a process that dies at the point: its later calls never arrive, and nothing that it writes counts.
 * @returns the call; undefined when the run makes fewer.
 */
async function dieAt(jobId: string, point: Point): Promise<string | undefined> {
  const { ctx, worker } = world
  const { engine } = ctx.binaryReleases
  const { store } = engine
  let seen = 0
  let dead = false
  let reached: string | undefined
  const lapse = () => {
    const lease_until = ctx.db.raw("clock_timestamp() - interval '1 second'")
    return ctx
      .db('jobs')
      .where({ id: jobId, state: 'running' })
      .update({ fence: ctx.db.raw('fence + 1'), lease_until })
  }
  let lapsing: Promise<unknown> | undefined
  /** @returns whether the call is made inside a transaction of the run: with the process, its connection ends. */
  const die = async (): Promise<boolean> => {
    dead = true
    const held = await isHeld(jobId)
    lapsing = lapse()
    if (!held) await lapsing
    return held
  }
  const mortal = new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const method = target[name]
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        if (dead) throw new Error('this process is dead')
        seen += 1
        if (seen !== point.call) return Reflect.apply(method, target, args)
        reached = `${name} ${typeof args[0] === 'string' ? args[0] : 'upload'}`
        if (point.moment === 'before it is sent') {
          await die()
          throw new Error('this process is dead')
        }
        const answer = await Reflect.apply(method, target, args)
        const inTransaction = await die()
        if (inTransaction || point.moment === 'after it is sent') {
          if (name === 'stream') answer.body.destroy()
          throw new Error('this process is dead')
        }
        return answer
      }
    },
  })
  engine.store = mortal
  try {
    const row = await ctx.db('jobs').where({ id: jobId }).first()
    await worker.runner.run(deliveryOf(jobId, row.queue))
    await lapsing
  } finally {
    engine.store = store
  }
  return reached
}

async function enumerate(
  title: string,
  attempt: (point: Point) => Promise<string | undefined>,
): Promise<number> {
  const points: string[] = []
  for (let call = 1; ; call++) {
    const names: string[] = []
    for (const moment of moments) {
      const name = await attempt({ call, moment }).catch((error: unknown) => {
        throw new Error(`${title}: died at call ${call} ${moment}`, { cause: error })
      })
      if (name === undefined) break
      names.push(`  ${call}. ${name.replaceAll(/\d+\.\d+\.\d+|[0-9a-f-]{36}/g, '*')}: ${moment}`)
    }
    if (names.length === 0) break
    expect(names).toHaveLength(moments.length)
    points.push(...names)
  }
  console.info(`${title}: ${points.length} points\n${points.join('\n')}`)
  return points.length
}

describe('a death at every call of the store', () => {
  it('while a version is published is made good by the next holder, and no reader sees a half', async () => {
    const own = ++series
    let made = 0
    const count = await enumerate('publish-release', async (point) => {
      const version = `${own}.0.${++made}`
      await world.prepared(version)
      const job = await world.publishing(version)
      const reached = await dieAt(job, point)
      await expectWholeOrAbsent(version)
      const row = await deliver(heirContext, heir, job)
      expect(row.state, JSON.stringify(row.error)).toBe('completed')
      await expectWholeOrAbsent(version)
      await expectLatest(version)
      const sums = await world.store.read(world.layout.checksums(version))
      const line = `${sha256(contentOf(`${version} ${platform}`))}  ${world.layout.fileName(version, platform)}\n`
      expect(sums).toMatchObject({ body: Buffer.from(line) })
      expect((await world.call(`/releases/${version}/signature`)).status).toBe(200)
      const moves = await world.ctx.db('release_channel_moves').where({ version })
      expect(moves.map(({ kind }) => kind)).toEqual(['published'])
      return reached
    })
    expect(count).toBeGreaterThan(40)
  }, 120_000)

  it('while a channel moves leaves the bucket where the channel is', async () => {
    const own = ++series
    const versions = [`${own}.0.1`, `${own}.0.2`]
    for (const version of versions) {
      await world.prepared(version, 'beta')
      await world.work(await world.publishing(version))
    }
    let turns = 0
    const count = await enumerate('release-pointer', async (point) => {
      const version = versions[turns++ % 2] ?? ''
      const answer = await world.call(`/releases/${version}/promote`, { json: { channel: 'beta' } })
      const reached = await dieAt(answer.json.job_id, point)
      expect((await world.call('/releases/latest?channel=beta')).json.version).toBe(version)
      expect((await deliver(heirContext, heir, answer.json.job_id)).state).toBe('completed')
      const pointer = await world.store.read('metadata/latest-beta.json')
      expect(JSON.parse((pointer as { body: Buffer }).body.toString()).version).toBe(version)
      return reached
    })
    expect(count).toBeGreaterThanOrEqual(9)
  }, 60_000)
})

/** Stops before its nth call until the next holder has done everything, and then goes on as if nothing had been. */
async function pauseAt(
  jobId: string,
  call: number,
  meanwhile: () => Promise<void>,
): Promise<string | undefined> {
  const { ctx, worker } = world
  const { engine } = ctx.binaryReleases
  const { store } = engine
  let seen = 0
  let reached: string | undefined
  engine.store = new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const method = target[name]
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        seen += 1
        if (seen === call) {
          reached = name
          // Inside a transaction its lock keeps everybody else waiting, until the database ends it.
          if (!(await isHeld(jobId))) await meanwhile()
        }
        return Reflect.apply(method, target, args)
      }
    },
  })
  try {
    const row = await ctx.db('jobs').where({ id: jobId }).first()
    await worker.runner.run(deliveryOf(jobId, row.queue))
  } finally {
    engine.store = store
  }
  return reached
}

it('a run that was paused anywhere changes nothing of what the next holder has made', async () => {
  const contents = async (version: string) => {
    const { store } = world
    const keys = [
      ...(await store.list(`releases/${version}/`)),
      `metadata/${version}.json`,
      `metadata/${version}.json.sig`,
    ]
    return Promise.all(
      [...keys, 'metadata/latest-stable.json'].map(async (key) => {
        const found = await store.read(key)
        return [key, found === undefined || found === 'unchanged' ? undefined : found.body.toString()]
      }),
    )
  }
  const own = ++series
  for (let call = 1; ; call++) {
    const version = `${own}.0.${call}`
    await world.prepared(version)
    const job = await world.publishing(version)
    let settled: unknown
    const reached = await pauseAt(job, call, async () => {
      const lease_until = world.ctx.db.raw("clock_timestamp() - interval '1 second'")
      await world.ctx.db('jobs').where({ id: job }).update({ lease_until })
      expect((await deliver(heirContext, heir, job)).state).toBe('completed')
      settled = await contents(version)
    })
    if (reached === undefined) break
    if (settled !== undefined)
      expect(await contents(version), `paused before call ${call}, ${reached}`).toEqual(settled)
    await expectLatest(version)
  }
}, 60_000)

it('a process that hears nothing of a publication is behind for two seconds at most', async () => {
  let at = 0
  const deaf = { on: () => undefined, onConnect: () => undefined }
  const states = createReleaseStates(world.ctx.db, deaf, () => at)
  const stable = async () => (await states.current()).channels.get('stable')?.version
  const before = await stable()
  const version = `${++series}.0.1`
  await world.prepared(version)
  expect((await deliver(heirContext, heir, await world.publishing(version))).state).toBe('completed')
  at = 1999
  expect(await stable()).toBe(before)
  at = 2000
  expect(await stable()).toBe(version)
})
