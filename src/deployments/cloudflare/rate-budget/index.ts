import type { Knex } from 'knex'
import { pause } from '../../../platform/deadline.ts'
import { retryAfterOf } from '../envelope.ts'
import { CloudError } from '../errors.ts'
import type { CallBudget } from '../http.ts'
import { ratelimitOf } from './headers.ts'
import { type Budget, findBudget, noteBudget, takeCall } from './store.ts'

/** At or below this number of the 1200 calls per five minutes, every call is counted in the database. */
const countBelow = 300
/** Calls left for people and other programs, which share the limit. */
const reserve = 20
const refreshMs = 1000
const maxWaitSeconds = 5

/**
 * The rate limit of one account, shared by all processes through one row. Every answer carries the calls left,
 * so the row is written only when few are left, and read once a second. A 429 stops all processes until it ends.
 */
export function createBudget(db: Knex, accountId: string): CallBudget {
  let cached: { at: number; budget: Budget | undefined } | undefined

  async function currentBudget(): Promise<Budget | undefined> {
    if (cached === undefined || performance.now() - cached.at > refreshMs)
      cached = { at: performance.now(), budget: await findBudget(db, accountId) }
    const { at, budget } = cached
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
        let budget = await currentBudget()
        const isTight = budget !== undefined && budget.resetsIn > 0 && budget.left <= countBelow
        if (budget !== undefined && isTight && budget.blockedFor <= 0) {
          budget = await takeCall(db, accountId)
          cached = { at: performance.now(), budget }
        }
        const wait = waitOf(budget)
        if (wait <= 0) return
        if (wait > maxWaitSeconds) throw usedUp(wait)
        await pause(wait * 1000, signal)
        cached = undefined
      }
    },

    async note({ status, headers }) {
      const limit = ratelimitOf(headers)
      const blockedFor = status === 429 ? (retryAfterOf(headers) ?? limit?.resetsIn ?? 1) : 0
      if (blockedFor === 0 && (limit === undefined || limit.left > countBelow)) return
      await noteBudget(db, accountId, {
        left: limit?.left ?? 0,
        resetsIn: limit?.resetsIn ?? blockedFor,
        blockedFor,
      })
      cached = undefined
    },
  }
}

function waitOf(budget: Budget | undefined): number {
  if (budget === undefined) return 0
  if (budget.blockedFor > 0) return budget.blockedFor
  return budget.resetsIn > 0 && budget.left < reserve ? budget.resetsIn : 0
}

/** The same error as for a 429 of the cloud, but without a call: the job is retried after that time. */
function usedUp(seconds: number): CloudError {
  const retryAfter = Math.ceil(seconds)
  const message = `the API calls of this account are used up; the limit resets in ${retryAfter} s`
  return new CloudError(message, { code: 0, status: 429, retryAfter })
}
