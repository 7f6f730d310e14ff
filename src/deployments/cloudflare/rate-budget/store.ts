import type { Knex } from 'knex'

export interface Budget {
  left: number
  /** Seconds until the window ends and `left` means nothing; 0 when it has ended. */
  resetsIn: number
  /** Seconds until calls are allowed again. */
  blockedFor: number
}

/** A window has five minutes; what lies further ahead was written by a clock that was ahead. */
const longest = { resets: 600, blocked: 3600 }
const shown = `calls_left as left, ${secondsUntil('resets_at', longest.resets)} as resets_in,
  ${secondsUntil('blocked_until', longest.blocked)} as blocked_for`

/** 0 for no time, one that is over, and one that is too far ahead. */
function secondsUntil(column: string, most: number): string {
  const left = `extract(epoch from ${column} - clock_timestamp())`
  return `(case when ${left} between 0 and ${most} then ${left} else 0 end)::float`
}

interface Row {
  left: number
  resets_in: number
  blocked_for: number
}
const toBudget = (row: Row | undefined): Budget | undefined =>
  row && { left: row.left, resetsIn: row.resets_in, blockedFor: row.blocked_for }

export async function findBudget(db: Knex, accountId: string): Promise<Budget | undefined> {
  const { rows } = await db.raw(`select ${shown} from cloudflare_budgets where account_id = ?`, [accountId])
  return toBudget(rows[0])
}

/** Takes one call; what is left may fall below zero, which is how many are too many. */
export async function takeCall(db: Knex, accountId: string): Promise<Budget | undefined> {
  const { rows } = await db.raw(
    `update cloudflare_budgets set calls_left = calls_left - 1 where account_id = ? returning ${shown}`,
    [accountId],
  )
  return toBudget(rows[0])
}

/**
 * Notes what an answer told. Answers of one window may overtake each other: within it the lower number counts; the
 * times of two answers about one window differ by a second or two.
 */
export async function noteBudget(
  db: Knex,
  accountId: string,
  told: { left: number; resetsIn: number; blockedFor: number },
): Promise<void> {
  await db.raw(
    `insert into cloudflare_budgets as b (account_id, calls_left, resets_at, blocked_until)
     values (:accountId, :left, clock_timestamp() + make_interval(secs => :resetsIn),
       clock_timestamp() + make_interval(secs => nullif(:blockedFor::float, 0)))
     on conflict (account_id) do update set
       calls_left = case when abs(extract(epoch from excluded.resets_at - b.resets_at)) < 5
         then least(b.calls_left, excluded.calls_left) else excluded.calls_left end,
       resets_at = excluded.resets_at,
       blocked_until = case when b.blocked_until < clock_timestamp() + ${longest.blocked} * interval '1 second'
         then greatest(b.blocked_until, excluded.blocked_until) else excluded.blocked_until end`,
    { accountId, ...told },
  )
}
