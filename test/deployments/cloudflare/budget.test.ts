import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ratelimitOf } from '../../../src/deployments/cloudflare/rate-budget/headers.ts'
import { createBudget } from '../../../src/deployments/cloudflare/rate-budget/index.ts'
import { createTestContext, type TestContext } from '../../helpers/context.ts'

let ctx: TestContext
const account = 'a'.repeat(32)
const signal = AbortSignal.timeout(60_000)
beforeAll(async () => {
  ctx = await createTestContext()
})
beforeEach(() => ctx.db('cloudflare_budgets').delete())
afterAll(() => ctx.dispose())

const answer = (status: number, headers: Record<string, string> = {}) => ({
  status,
  headers: new Headers(headers),
})
const told = (left: number, seconds: number, status = 200, more: Record<string, string> = {}) =>
  answer(status, { ratelimit: `"default";r=${left};t=${seconds}`, ...more })
const row = () => ctx.db('cloudflare_budgets').first()

describe("an account's calls", () => {
  test('are not counted in the database while many are left', async () => {
    const budget = createBudget(ctx.db, account)
    await budget.take(signal)
    await budget.note(told(1150, 240))
    expect(await row()).toBeUndefined()
  })

  test('are counted across all processes when few are left, and never use the reserve', async () => {
    const processes = Array.from({ length: 4 }, () => createBudget(ctx.db, account))
    await processes[0]?.note(told(30, 240))
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) => processes[index % 4]?.take(signal)),
    )
    const taken = outcomes.filter(({ status }) => status === 'fulfilled')
    expect(taken).toHaveLength(10)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ status: 429 })
    }
    const refused = outcomes.find((each) => each.status === 'rejected')
    expect(refused?.reason.retryAfter).toBeGreaterThan(230)
    expect(refused?.reason.message).toMatch(/used up/)
  })

  test('start again with the next window, regardless of the row', async () => {
    const budget = createBudget(ctx.db, account)
    await budget.note(told(0, 240))
    await expect(budget.take(signal)).rejects.toMatchObject({ status: 429 })
    await ctx.db('cloudflare_budgets').update({ resets_at: ctx.db.raw("clock_timestamp() - interval '1 s'") })
    await createBudget(ctx.db, account).take(signal)
  })

  test('stop in every process for the time of a 429, with or without other headers', async () => {
    const [one, other] = [createBudget(ctx.db, account), createBudget(ctx.db, account)]
    await one.note(answer(429, { 'retry-after': '90' }))
    for (const budget of [one, other])
      await expect(budget.take(signal)).rejects.toMatchObject({ status: 429, retryAfter: expect.any(Number) })
    // An answer to a call that was sent before must not lift it.
    await other.note(told(200, 240))
    await expect(createBudget(ctx.db, account).take(signal)).rejects.toMatchObject({ status: 429 })
    await createBudget(ctx.db, 'b'.repeat(32)).take(signal)
  })

  test('wait for a short limit', async () => {
    const budget = createBudget(ctx.db, account)
    await budget.note(answer(429))
    const from = Date.now()
    await budget.take(signal)
    expect(Date.now() - from).toBeGreaterThan(900)
  })

  test('of one window keep the lowest reported number; the next window has its own', async () => {
    const budget = createBudget(ctx.db, account)
    await Promise.all([budget.note(told(200, 240)), budget.note(told(150, 240)), budget.note(told(180, 239))])
    expect((await row()).calls_left).toBe(150)
    await budget.note(told(250, 300))
    expect((await row()).calls_left).toBe(250)
  })

  test('continue if the row was lost', async () => {
    const budget = createBudget(ctx.db, account)
    await budget.note(told(0, 240))
    await ctx.db('cloudflare_budgets').delete()
    await createBudget(ctx.db, account).take(signal)
  })
})

test.each([
  ['"default";r=50;t=30', { left: 50, resetsIn: 30 }],
  ['"burst";r=0;t=300', { left: 0, resetsIn: 300 }],
  ['', undefined],
  ['limit=10, remaining=5', undefined],
])('the header %s', (ratelimit, expected) => {
  expect(ratelimitOf(new Headers(ratelimit ? { ratelimit } : {}))).toEqual(expected)
})
