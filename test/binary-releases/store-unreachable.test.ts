import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createObjectCache } from '../../src/binary-releases/catalogue/object-cache.ts'
import { type ObjectStore, StoreUnreachable } from '../../src/binary-releases/object-store/index.ts'
import { createStoreProbe } from '../../src/binary-releases/object-store/probe.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { released, signingKeys, startWorld, type World } from './harness.ts'
import { startR2 } from './r2-server.ts'

/** A cache over a store with one object, whose responses the test controls. */
function oneObject() {
  const state = {
    body: 'one',
    etag: '"1"',
    isUnreachable: false,
    reads: 0,
    compared: 0,
    gate: Promise.resolve(),
  }
  const store = {
    async read(_key: string, condition?: { etag: string }) {
      state.reads += 1
      if (state.isUnreachable) throw new StoreUnreachable('no connection')
      if (condition !== undefined) state.compared += 1
      const { body, etag } = state
      await state.gate
      if (condition?.etag === etag) return 'unchanged'
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

describe('a cached object', () => {
  it('is fresh for 30 s, then revalidated by etag with one request at a time', async () => {
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

  it('is served as stale for ten minutes at most while the store is unreachable', async () => {
    const { state, cache, wait } = oneObject()
    await cache.get('k')
    state.isUnreachable = true
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
    state.isUnreachable = false
    wait(3)
    expect(await cache.get('k')).toMatchObject({ value: 'one', stale: false })
  })

  it('is reported as absent or unreadable, and an absent one is read again after a second', async () => {
    const { state, cache, wait } = oneObject()
    state.body = ''
    expect(await cache.get('k')).toMatchObject({ missing: 'absent' })
    state.body = '?'
    expect(await cache.get('k')).toMatchObject({ missing: 'absent' })
    wait(1.1)
    expect(await cache.get('k')).toMatchObject({ missing: 'unreadable' })
    await expect(readUnreachable()).rejects.toThrow(StoreUnreachable)
  })
  it('is not stored from a read that began before it was forgotten', async () => {
    const { state, cache } = oneObject()
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    state.gate = gate
    const before = cache.get('k')
    Object.assign(state, { body: 'two', etag: '"2"', gate: Promise.resolve() })
    cache.forget('k')
    const after = cache.get('k')
    open()
    expect((await before).value).toBe('one')
    expect((await after).value).toBe('two')
    expect((await cache.get('k')).value).toBe('two')
    expect(state.reads).toBe(2)
  })

  it('is read again after `forgetAbsent` if an unfinished read finds it absent', async () => {
    const { state, cache } = oneObject()
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    Object.assign(state, { body: '', gate })
    const before = cache.get('k')
    Object.assign(state, { body: 'one', gate: Promise.resolve() })
    cache.forgetAbsent()
    open()
    expect(await before).toMatchObject({ missing: 'absent' })
    expect((await cache.get('k')).value).toBe('one')
  })

  const readUnreachable = () => {
    const { state, cache } = oneObject()
    state.isUnreachable = true
    return cache.get('k')
  }
})

it('the health check probes the store at most once in ten seconds', async () => {
  let probes = 0
  let at = 0
  let isUnreachable = false
  const probe = async () => {
    probes += 1
    if (isUnreachable) throw new StoreUnreachable('no connection')
    return { aheadMs: 0 }
  }
  const causes = createStoreProbe({ probe } as unknown as ObjectStore, () => at)
  expect(await Promise.all([causes(), causes(), causes()])).toEqual([[], [], []])
  isUnreachable = true
  at = 9999
  expect(await causes()).toEqual([])
  at = 10_000
  const unreachable = [expect.objectContaining({ part: 'object_store', reason: 'unreachable' })]
  expect([await causes(), await causes()]).toEqual([unreachable, unreachable])
  expect(probes).toBe(2)
})

describe('an unreachable store', () => {
  let world: World
  let r2: Awaited<ReturnType<typeof startR2>>
  let proxy: Awaited<ReturnType<typeof startTcpProxy>>
  beforeAll(async () => {
    r2 = await startR2()
    proxy = await startTcpProxy(r2.env.R2_ENDPOINT)
    world = await startWorld('folder', { ...r2.env, R2_ENDPOINT: proxy.url })
    await released(world, '2025.11.24')
  })
  afterAll(async () => {
    await world?.stop()
    await r2?.stop()
  })

  it('leaves cached metadata readable, refuses links and is reported by the health check', async () => {
    expect((await world.call('/releases/latest')).status).toBe(200)
    expect((await world.call('/releases/2025.11.24')).status).toBe(200)
    await proxy.cut()
    // Makes the cached pointer expire, as after 30 s.
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
    await proxy.restore()
    await expect
      .poll(async () => (await world.call('/releases/latest')).json.stale, { timeout: 10_000 })
      .toBe(undefined)
    expect((await world.call('/download/2025.11.24/linux-x86_64')).status).toBe(200)
  })

  it('delays a running publication and does not fail it', async () => {
    await world.prepared('2025.11.25')
    const job = await world.publishing('2025.11.25')
    await proxy.cut()
    const row = await world.ctx.db('jobs').where({ id: job }).first()
    const { deliveryOf } = await import('../platform/jobs/job-harness.ts')
    await world.worker.runner.run(deliveryOf(job, row.queue))
    expect(await world.ctx.db('jobs').where({ id: job }).first()).toMatchObject({
      state: 'retrying',
      error: { code: 'STATE_003' },
    })
    await proxy.restore()
    expect((await world.work(job)).state).toBe('completed')
  })
})

describe('signing keys', () => {
  it('rotate: each release keeps the signature of its own key', async () => {
    const world = await startWorld('folder')
    await released(world, '1.0.0')
    const first = (await world.call('/releases/1.0.0/signature')).json.key_id
    const { publishContext } = world.ctx.binaryReleases
    const { createSigningKey } = await import('../../src/binary-releases/downloads/signing.ts')
    const next = createSigningKey(signingKeys.second)
    // Simulates a restart with another RELEASE_SIGNING_KEY.
    publishContext.key = () => next
    await released(world, '1.0.1')
    expect((await world.call('/releases/1.0.1/signature')).json.key_id).toBe(next.id)
    expect((await world.call('/releases/1.0.0/signature')).json.key_id).toBe(first)
    const { keys } = (await world.call('/releases/keys')).json
    expect(keys.map(({ key_id }: { key_id: string }) => key_id).toSorted()).toEqual(
      [first, next.id].toSorted(),
    )
    publishContext.key = () => undefined
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
