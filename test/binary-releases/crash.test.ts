import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createReleaseStates } from '../../src/binary-releases/catalogue/release-states.ts'
import type { ObjectStore } from '../../src/binary-releases/object-store/index.ts'
import { createTestContext, startEngine, type TestContext } from '../helpers/context.ts'
import { until } from '../helpers/until.ts'
import { deliveryOf } from '../platform/jobs/job-harness.ts'
import { contentOf, deliver, sha256, startWorld, type World } from './harness.ts'

/** The moments around a call of the store at which the process dies. */
const moments = ['before it is sent', 'after it is sent', 'after its response, before the commit'] as const
interface Point {
  call: number
  moment: (typeof moments)[number]
}

const platform = 'linux-x86_64'

let world: World
let successorContext: TestContext
let successor: Awaited<ReturnType<typeof startEngine>>
beforeAll(async () => {
  world = await startWorld('folder', { RELEASE_PLATFORMS: platform })
  const { dataDir, ctx } = world
  successorContext = await createTestContext({ env: world.env, beside: ctx })
  expect(successorContext.config.dataDir).toBe(dataDir)
  successor = await startEngine(successorContext, { queues: [], without: ['dispatcher', 'reconciler'] })
})
afterAll(async () => {
  await successor?.stop()
  await successorContext?.dispose()
  await world?.stop()
})

/** Checks that every visible version can be downloaded with the content that its metadata states. */
async function expectCompleteOrAbsent(version: string): Promise<void> {
  const latest = await world.call('/releases/latest')
  for (const visible of new Set([version, latest.json.version ?? version])) {
    const { status, json } = await world.call(`/releases/${visible}`)
    if (status === 404) continue
    expect(status).toBe(200)
    const { json: link } = await world.call(`/download/${visible}/${platform}`)
    const file = Buffer.from(await (await fetch(link.download_url)).arrayBuffer())
    expect(sha256(file), visible).toBe(json.platforms[platform])
  }
}

/** Waits for a channel move of another process: its notification may be late, and the state is read again after 2 s. */
async function expectLatest(version: string): Promise<void> {
  const latest = async () => (await world.call('/releases/latest')).json.version === version
  await until(latest, { timeoutMs: 5000, what: `the latest release is ${version}` })
}

/** Major version of the next test, so that a repeated test uses unpublished versions. */
let series = 0

/** True if a transaction of the run locks the job's row for longer than a transaction that writes progress. */
async function isLocked(jobId: string): Promise<boolean> {
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
 * Runs the job in a process that dies at the point: its later calls never arrive, and its later writes are refused.
 * @returns the call; undefined if the run makes fewer calls
 */
async function dieAt(jobId: string, point: Point): Promise<string | undefined> {
  const { ctx, worker } = world
  const { publishContext } = ctx.binaryReleases
  const { store } = publishContext
  let calls = 0
  let isDead = false
  let reached: string | undefined
  const expireLease = () => {
    const lease_until = ctx.db.raw("clock_timestamp() - interval '1 second'")
    return ctx
      .db('jobs')
      .where({ id: jobId, state: 'running' })
      .update({ fence: ctx.db.raw('fence + 1'), lease_until })
  }
  let expiry: Promise<unknown> | undefined
  /** @returns true if the call is made inside a transaction of the run, whose connection ends with the process */
  const die = async (): Promise<boolean> => {
    isDead = true
    const locked = await isLocked(jobId)
    expiry = expireLease()
    if (!locked) await expiry
    return locked
  }
  const mortal = new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const method = target[name]
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        if (isDead) throw new Error('this process is dead')
        calls += 1
        if (calls !== point.call) return Reflect.apply(method, target, args)
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
  publishContext.store = mortal
  try {
    const row = await ctx.db('jobs').where({ id: jobId }).first()
    await worker.runner.run(deliveryOf(jobId, row.queue))
    await expiry
  } finally {
    publishContext.store = store
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

describe('a process that dies at any call of the store', () => {
  it('while publishing: the next holder of the job completes it, and no reader sees a partial release', async () => {
    const own = ++series
    let published = 0
    const count = await enumerate('publish-release', async (point) => {
      const version = `${own}.0.${++published}`
      await world.prepared(version)
      const job = await world.publishing(version)
      const reached = await dieAt(job, point)
      await expectCompleteOrAbsent(version)
      const row = await deliver(successorContext, successor, job)
      expect(row.state, JSON.stringify(row.error)).toBe('completed')
      await expectCompleteOrAbsent(version)
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

  it('while a channel moves: the next holder of the job updates the pointer in the bucket', async () => {
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
      expect((await deliver(successorContext, successor, answer.json.job_id)).state).toBe('completed')
      const pointer = await world.store.read('metadata/latest-beta.json')
      expect(JSON.parse((pointer as { body: Buffer }).body.toString()).version).toBe(version)
      return reached
    })
    expect(count).toBeGreaterThanOrEqual(9)
  }, 60_000)
})

/** Runs the job and pauses before its nth call until the next holder has completed the job, then continues. */
async function pauseAt(
  jobId: string,
  call: number,
  meanwhile: () => Promise<void>,
): Promise<string | undefined> {
  const { ctx, worker } = world
  const { publishContext } = ctx.binaryReleases
  const { store } = publishContext
  let calls = 0
  let reached: string | undefined
  publishContext.store = new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const method = target[name]
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        calls += 1
        if (calls === call) {
          reached = name
          // Inside a transaction the row lock blocks the next holder until the database ends the transaction.
          if (!(await isLocked(jobId))) await meanwhile()
        }
        return Reflect.apply(method, target, args)
      }
    },
  })
  try {
    const row = await ctx.db('jobs').where({ id: jobId }).first()
    await worker.runner.run(deliveryOf(jobId, row.queue))
  } finally {
    publishContext.store = store
  }
  return reached
}

it('a run paused at any call of the store does not change the result of the next holder', async () => {
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
      expect((await deliver(successorContext, successor, job)).state).toBe('completed')
      settled = await contents(version)
    })
    if (reached === undefined) break
    if (settled !== undefined)
      expect(await contents(version), `paused before call ${call}, ${reached}`).toEqual(settled)
    await expectLatest(version)
  }
}, 60_000)

it('a process without notifications sees a publication after two seconds at most', async () => {
  let at = 0
  const silentListener = { on: () => undefined, onConnect: () => undefined }
  const states = createReleaseStates(world.ctx.db, silentListener, () => at)
  const stable = async () => (await states.current()).channels.get('stable')?.version
  const before = await stable()
  const version = `${++series}.0.1`
  await world.prepared(version)
  expect((await deliver(successorContext, successor, await world.publishing(version))).state).toBe(
    'completed',
  )
  at = 1999
  expect(await stable()).toBe(before)
  at = 2000
  expect(await stable()).toBe(version)
})
