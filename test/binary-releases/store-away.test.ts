import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createObjectCache } from '../../src/binary-releases/catalogue/object-cache.ts'
import { type ObjectStore, StoreUnreachable } from '../../src/binary-releases/object-store/index.ts'
import { createStoreProbe } from '../../src/binary-releases/object-store/probe.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { released, signingKeys, startWorld, type World } from './harness.ts'
import { startR2 } from './r2-server.ts'

/** A store with one object, whose answers the test decides. */
function oneObject() {
  const state = { body: 'one', etag: '"1"', away: false, reads: 0, compared: 0, gate: Promise.resolve() }
  const store = {
    async read(_key: string, given?: { etag: string }) {
      state.reads += 1
      if (state.away) throw new StoreUnreachable('away')
      if (given !== undefined) state.compared += 1
      const { body, etag } = state
      await state.gate
      if (given?.etag === etag) return 'unchanged'
      return body === '' ? undefined : { body: Buffer.from(body), etag }
    },
  } as unknown as ObjectStore
  let at = 0
  const cache = createObjectCache({
    store,
    parse: (body) => (body.toString() === '?' ? undefined : `${body}`),
    now: () => at,
  })
  const wait = (seconds: number) => {
    at += seconds * 1000
  }
  return { state, cache, wait }
}

describe('what is kept of an object', () => {
  it('is fresh for 30 s, asked for once at a time, and compared by etag after that', async () => {
    const { state, cache, wait } = oneObject()
    await Promise.all(Array.from({ length: 50 }, () => cache.get('k')))
    expect(state.reads).toBe(1)
    wait(29)
    state.body = 'two'
    expect((await cache.get('k')).value).toBe('one')
    wait(2)
    expect((await cache.get('k')).value).toBe('one')
    expect([state.reads, state.compared]).toEqual([2, 1])
    state.etag = '"2"'
    wait(31)
    await Promise.all(Array.from({ length: 50 }, () => cache.get('k')))
    expect((await cache.get('k')).value).toBe('two')
    expect(state.reads).toBe(3)
  })

  it('is stale, for ten minutes at most, while the store is away', async () => {
    const { state, cache, wait } = oneObject()
    await cache.get('k')
    state.away = true
    expect(await cache.get('k')).toMatchObject({ value: 'one', stale: false })
    wait(31)
    expect(await cache.get('k')).toMatchObject({ value: 'one', stale: true })
    const { reads } = state
    for (let n = 0; n < 20; n++) await cache.get('k')
    expect(state.reads).toBe(reads)
    wait(560)
    expect(await cache.get('k')).toMatchObject({ value: 'one', stale: true })
    wait(10)
    await expect(cache.get('k')).rejects.toThrow(StoreUnreachable)
    await expect(cache.get('k')).rejects.toThrow(StoreUnreachable)
    state.away = false
    wait(3)
    expect(await cache.get('k')).toMatchObject({ value: 'one', stale: false })
  })

  it('says what is not there or not readable, and looks again soon for what was not there', async () => {
    const { state, cache, wait } = oneObject()
    state.body = ''
    expect(await cache.get('k')).toMatchObject({ missing: 'absent' })
    state.body = '?'
    expect(await cache.get('k')).toMatchObject({ missing: 'absent' })
    wait(1.1)
    expect(await cache.get('k')).toMatchObject({ missing: 'unreadable' })
    await expect(oneObjectAway()).rejects.toThrow(StoreUnreachable)
  })
  it('that was asked for before it changed is not kept after it was forgotten', async () => {
    const { state, cache } = oneObject()
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    state.gate = gate
    const asked = cache.get('k')
    Object.assign(state, { body: 'two', etag: '"2"', gate: Promise.resolve() })
    cache.forget('k')
    const askedAfter = cache.get('k')
    open()
    expect((await asked).value).toBe('one')
    expect((await askedAfter).value).toBe('two')
    expect((await cache.get('k')).value).toBe('two')
    expect(state.reads).toBe(2)
  })

  it('that was absent when it was asked for is looked for again when something has appeared', async () => {
    const { state, cache } = oneObject()
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    Object.assign(state, { body: '', gate })
    const asked = cache.get('k')
    Object.assign(state, { body: 'one', gate: Promise.resolve() })
    cache.forgetAbsent()
    open()
    expect(await asked).toMatchObject({ missing: 'absent' })
    expect((await cache.get('k')).value).toBe('one')
  })

  const oneObjectAway = () => {
    const { state, cache } = oneObject()
    state.away = true
    return cache.get('k')
  }
})

it('health asks the store once in ten seconds, however often it is asked itself', async () => {
  let asked = 0
  let at = 0
  let away = false
  const probe = async () => {
    asked += 1
    if (away) throw new StoreUnreachable('away')
    return { aheadMs: 0 }
  }
  const reachable = createStoreProbe({ probe } as unknown as ObjectStore, () => at)
  expect(await Promise.all([reachable(), reachable(), reachable()])).toEqual([[], [], []])
  away = true
  at = 9999
  expect(await reachable()).toEqual([])
  at = 10_000
  const unreachable = [expect.objectContaining({ part: 'object_store', reason: 'unreachable' })]
  expect([await reachable(), await reachable()]).toEqual([unreachable, unreachable])
  expect(asked).toBe(2)
})

describe('a store that goes away', () => {
  let world: World
  let r2: Awaited<ReturnType<typeof startR2>>
  let way: Awaited<ReturnType<typeof startTcpProxy>>
  beforeAll(async () => {
    r2 = await startR2()
    way = await startTcpProxy(r2.env.R2_ENDPOINT)
    world = await startWorld('folder', { ...r2.env, R2_ENDPOINT: way.url })
    await released(world, '2025.11.24')
  })
  afterAll(async () => {
    await world?.stop()
    await r2?.stop()
  })

  it('leaves what is known, takes no link, and is told by health', async () => {
    expect((await world.call('/releases/latest')).status).toBe(200)
    expect((await world.call('/releases/2025.11.24')).status).toBe(200)
    await way.cut()
    // As after 30 s.
    await world.ctx
      .db('release_channels')
      .update({ revision: world.ctx.db.raw('revision + 1'), written: world.ctx.db.raw('revision + 1') })
    await world.ctx.db.raw(`select pg_notify('release_state', '')`)
    await expect
      .poll(async () => (await world.call('/releases/latest')).json.stale, { timeout: 10_000 })
      .toBe(true)
    const latest = await world.call('/releases/latest')
    expect([latest.status, latest.json.version, latest.headers.get('warning')]).toEqual([
      200,
      '2025.11.24',
      '110 - "Response is Stale"',
    ])
    for (const path of ['/releases/1.0.0', '/download/1.0.0/linux-x86_64', '/releases']) {
      const { status, json, headers } = await world.call(path)
      expect([status, json.error.code, json.error.retryable, headers.get('retry-after')], path).toEqual([
        500,
        'STATE_003',
        true,
        '5',
      ])
    }
    const health = await world.call('/health')
    expect([health.status, health.json.status, health.json.r2_connected, health.json.database]).toEqual([
      200,
      'degraded',
      false,
      'healthy',
    ])
    const promote = await world.call('/releases/2025.11.24/promote', { json: { channel: 'beta' } })
    expect(promote.status).toBe(500)
    await way.restore()
    await expect
      .poll(async () => (await world.call('/releases/latest')).json.stale, { timeout: 10_000 })
      .toBe(undefined)
    expect((await world.call('/download/2025.11.24/linux-x86_64')).status).toBe(200)
  })

  it('in the middle of a publication only delays it', async () => {
    await world.prepared('2025.11.25')
    const job = await world.publishing('2025.11.25')
    await way.cut()
    const row = await world.ctx.db('jobs').where({ id: job }).first()
    const { deliveryOf } = await import('../platform/jobs/job-harness.ts')
    await world.worker.runner.run(deliveryOf(job, row.queue))
    expect(await world.ctx.db('jobs').where({ id: job }).first()).toMatchObject({
      state: 'retrying',
      error: { code: 'STATE_003' },
    })
    await way.restore()
    expect((await world.work(job)).state).toBe('completed')
  })
})

describe('signing keys', () => {
  it('rotate: each release keeps the key that it was signed with', async () => {
    const world = await startWorld('folder')
    await released(world, '1.0.0')
    const first = (await world.call('/releases/1.0.0/signature')).json.key_id
    const engine = world.ctx.binaryReleases.engine
    const { createSigningKey } = await import('../../src/binary-releases/downloads/signing.ts')
    const next = createSigningKey(signingKeys.second)
    // As after a restart with another RELEASE_SIGNING_KEY.
    engine.key = () => next
    await released(world, '1.0.1')
    expect((await world.call('/releases/1.0.1/signature')).json.key_id).toBe(next.id)
    expect((await world.call('/releases/1.0.0/signature')).json.key_id).toBe(first)
    const { keys } = (await world.call('/releases/keys')).json
    expect(keys.map(({ key_id }: { key_id: string }) => key_id).toSorted()).toEqual(
      [first, next.id].toSorted(),
    )
    engine.key = () => undefined
    await world.prepared('1.0.2')
    const refused = await world.call('/releases/1.0.2/publish', { method: 'POST' })
    expect([refused.status, refused.json.error.code, refused.json.error.retryable]).toEqual([
      424,
      'STATE_003',
      false,
    ])
    await world.stop()
  })
})
