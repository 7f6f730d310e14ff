import type { Knex } from 'knex'
import { pause } from '../../../platform/deadline.ts'
import { retryAfterOf } from '../envelope.ts'
import { CloudError } from '../errors.ts'
import type { CallBudget } from '../http.ts'
import { ratelimitOf } from './headers.ts'
import { type Budget, findBudget, noteBudget, takeCall } from './store.ts'

/** Of Cloudflare's 1200 calls in five minutes. Below it every call is counted in the database, above it none. */
const tight = 300
/** Left to people and other programs, which draw on the same limit. */
const reserve = 20
const lookEveryMs = 1000
const patienceSeconds = 5

/**
 * One account's rate limit, shared by all processes through one row. The headers of every answer say what is left, so
 * that the row is only written once it gets tight, and read once a second. A 429 stops everybody until its end.
 */
export function createBudget(db: Knex, accountId: string): CallBudget {
  let seen: { at: number; budget: Budget | undefined } | undefined

  async function look(): Promise<Budget | undefined> {
    if (seen === undefined || performance.now() - seen.at > lookEveryMs)
      seen = { at: performance.now(), budget: await findBudget(db, accountId) }
    const { at, budget } = seen
    const passed = (performance.now() - at) / 1000
    return (
      budget && {
        left: budget.left,
        resetsIn: budget.resetsIn - passed,
        blockedFor: budget.blockedFor - passed,
      }
    )
  }

  return {
    async take(signal) {
      for (;;) {
        let budget = await look()
        const isTight = budget !== undefined && budget.resetsIn > 0 && budget.left <= tight
        if (budget !== undefined && isTight && budget.blockedFor <= 0) {
          budget = await takeCall(db, accountId)
          seen = { at: performance.now(), budget }
        }
        const wait = waitOf(budget)
        if (wait <= 0) return
        if (wait > patienceSeconds) throw usedUp(wait)
        await pause(wait * 1000, signal)
        seen = undefined
      }
    },

    async note({ status, headers }) {
      const told = ratelimitOf(headers)
      const blockedFor = status === 429 ? (retryAfterOf(headers) ?? told?.resetsIn ?? 1) : 0
      if (blockedFor === 0 && (told === undefined || told.left > tight)) return
      await noteBudget(db, accountId, {
        left: told?.left ?? 0,
        resetsIn: told?.resetsIn ?? blockedFor,
        blockedFor,
      })
      seen = undefined
    },
  }
}

function waitOf(budget: Budget | undefined): number {
  if (budget === undefined) return 0
  if (budget.blockedFor > 0) return budget.blockedFor
  return budget.resetsIn > 0 && budget.left < reserve ? budget.resetsIn : 0
}

/** As the cloud itself would say it, but without having asked: its job comes again after that time. */
function usedUp(seconds: number): CloudError {
  const retryAfter = Math.ceil(seconds)
  const message = `the API calls of this account are used up; the limit resets in ${retryAfter} s`
  return new CloudError(message, { code: 0, status: 429, retryAfter })
}
