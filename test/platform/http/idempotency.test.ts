import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { canonicalJson } from '../../../src/platform/http/canonical-json.ts'
import { withIdempotency } from '../../../src/platform/http/idempotency.ts'
import { route } from '../../../src/platform/http/index.ts'
import { pruneIdempotencyKeys } from '../../../src/platform/jobs/index.ts'
import { createTestContext, silent, type TestContext } from '../../helpers/context.ts'
import { undocumented } from '../../helpers/undocumented.ts'
import { gate } from '../jobs/job-harness.ts'
import { startRoutes } from './http-harness.ts'

describe('idempotency keys', () => {
  let ctx: TestContext
  let api: Awaited<ReturnType<typeof startRoutes>>
  /** Between the work and its commit. */
  let during: () => Promise<void> = async () => undefined
  const make = route({
    ...undocumented,
    method: 'post',
    path: '/things',
    access: 'signed-in',
    body: z.looseObject({}),
    handle: ({ body, commit }) =>
      commit(async (trx) => {
        const [row] = await trx('things')
          .insert({ body: JSON.stringify(body) })
          .returning('id')
        await during()
        return { status: 201, body: { id: row.id, nothing: null, list: [1, 'a'] } }
      }),
  })
  const others = ['/others', '/things'].map((path) => ({ ...make, path }))

  beforeAll(async () => {
    ctx = await createTestContext()
    await ctx.db.raw('create table things (id serial primary key, body jsonb)')
    api = await startRoutes(ctx, others, silent)
  })
  afterAll(async () => {
    await api?.stop()
    await ctx?.dispose()
  })

  const post = (json: unknown, key?: string, options: { as?: string; path?: string } = {}) => {
    const { as = 'user:1', path = '/things' } = options
    return api.call(path, { as, json, ...(key === undefined ? {} : { key }) })
  }
  const count = async () => Number((await ctx.db('things').count('* as n').first())?.n)

  it('a repeat gets the same bytes as the first response and writes nothing', async () => {
    const before = await count()
    const first = await post({ a: 1, b: [2, { c: 3 }] }, 'same')
    const again = await post({ b: [2, { c: 3 }], a: 1 }, 'same')
    expect([first.status, again.status]).toEqual([201, 201])
    expect(again.json).toEqual(first.json)
    expect(await count()).toBe(before + 1)
  })

  it('each request without a key creates a new object', async () => {
    const [first, second] = [await post({ a: 1 }), await post({ a: 1 })]
    expect(first.json.id).not.toBe(second.json.id)
  })

  it('a key used with another body or path is refused', async () => {
    await post({ a: 1 }, 'reused')
    for (const answer of [
      await post({ a: 2 }, 'reused'),
      await post({ a: 1 }, 'reused', { path: '/others' }),
    ]) {
      expect([answer.status, answer.json.error.code]).toEqual([422, 'REQ_006'])
    }
  })

  it('keys of different principals are independent', async () => {
    const first = await post({ a: 1 }, 'mine')
    const other = await post({ a: 2 }, 'mine', { as: 'user:2' })
    expect(other.status).toBe(201)
    expect(other.json.id).not.toBe(first.json.id)
  })

  it('a repeat gets 409 while the first request is in progress, and its response afterwards', async () => {
    const inside = gate()
    const leave = gate()
    during = async () => {
      inside.resolve()
      await leave.promise
    }
    const first = post({ a: 1 }, 'flight')
    await inside.promise
    during = async () => undefined
    const second = await post({ a: 1 }, 'flight')
    expect([second.status, second.json.error.code]).toEqual([409, 'REQ_007'])
    expect(second.headers.get('retry-after')).toBe('1')
    expect(second.json.error.retryable).toBe(true)
    leave.resolve()
    const done = await first
    expect((await post({ a: 1 }, 'flight')).json).toEqual(done.json)
  })

  it('a key stays free if the work was rolled back', async () => {
    const before = await count()
    during = async () => {
      during = async () => undefined
      throw new Error('the process died here')
    }
    expect((await post({ a: 1 }, 'undone')).status).toBe(500)
    expect(await count()).toBe(before)
    expect((await post({ a: 2 }, 'undone')).status).toBe(201)
    expect(await count()).toBe(before + 1)
  })

  it('a key stays free if the connection was lost before the commit', async () => {
    during = async () => {
      during = async () => undefined
      await ctx.db.raw(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and state = 'idle in transaction'`,
      )
    }
    const lost = await post({ a: 1 }, 'lost')
    expect([lost.status, lost.json.error.code]).toEqual([503, 'SYS_002'])
    expect((await post({ a: 1 }, 'lost')).status).toBe(201)
  })

  it('a response is not replayed to a weaker credential of the same owner', async () => {
    const key = {
      key: 'of-two-tokens',
      owner: 'user:1',
      target: 'POST /things',
      body: {},
      permissions: ['jobs:write'],
    }
    const work = async () => ({ status: 201, body: { made: true } })
    expect(await withIdempotency(ctx.db, key, work)).toEqual({ status: 201, body: { made: true } })
    const weaker = withIdempotency(ctx.db, { ...key, permissions: [] }, work)
    await expect(weaker).rejects.toMatchObject({ code: 'REQ_006' })
  })

  it('only a hash of the body is stored', async () => {
    await post({ secret: 'hunter2-hunter2' }, 'hashed')
    const row = await ctx.db('idempotency_keys').where({ key: 'hashed' }).first()
    expect(row.fingerprint).toMatch(/^[0-9a-f]{64}$/)
    expect(JSON.stringify(row)).not.toContain('hunter2')
  })

  it('an invalid key is refused', async () => {
    for (const key of ['two words', 'x'.repeat(256)]) {
      const { status, json } = await post({ a: 1 }, key)
      expect([status, json.error.details.fields[0].path]).toEqual([400, 'Idempotency-Key'])
    }
  })

  it('keys are deleted after a day', async () => {
    await post({ a: 1 }, 'old')
    await ctx
      .db('idempotency_keys')
      .where({ key: 'old' })
      .update({ created_at: ctx.db.raw("now() - interval '25 h'") })
    expect(await pruneIdempotencyKeys(ctx.db, 24)).toBe(1)
    expect((await post({ a: 2 }, 'old')).status).toBe(201)
  })

  it('equivalent bodies have the same canonical form', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined })).toBe(
      canonicalJson({ b: [1, { c: 'x', d: null }] }),
    )
    expect(canonicalJson({ a: '1' })).not.toBe(canonicalJson({ a: 1 }))
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]))
    expect(canonicalJson(undefined)).toBe('null')
    // Signatures of releases and digests of plans depend on the exact text.
    expect(canonicalJson({ b: [undefined, 'é\n'], a: { 10: 1, 9: 2 } })).toBe(
      '{"a":{"10":1,"9":2},"b":[null,"é\\n"]}',
    )
  })
})
