import type { Knex } from 'knex'

export interface Budget {
  left: number
  /** Seconds until the window ends and `left` becomes invalid; 0 if it has ended. */
  resetsIn: number
  /** Seconds until calls are allowed again. */
  blockedFor: number
}

/** Times further ahead than this come from a wrong clock: a window lasts five minutes. */
const maxAheadSeconds = { resets: 600, blocked: 3600 }
const shown = `calls_left as left, ${secondsUntil('resets_at', maxAheadSeconds.resets)} as resets_in,
  ${secondsUntil('blocked_until', maxAheadSeconds.blocked)} as blocked_for`

/** SQL for the seconds until a time; 0 if there is none, or it is past or too far ahead. */
function secondsUntil(column: string, limit: number): string {
  const left = `extract(epoch from ${column} - clock_timestamp())`
  return `(case when ${left} between 0 and ${limit} then ${left} else 0 end)::float`
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

/** Takes one call. The number left may become negative, which shows how many calls are over the limit. */
export async function takeCall(db: Knex, accountId: string): Promise<Budget | undefined> {
  const { rows } = await db.raw(
    `update cloudflare_budgets set calls_left = calls_left - 1 where account_id = ? returning ${shown}`,
    [accountId],
  )
  return toBudget(rows[0])
}

/**
 * Stores the limit from an answer. Answers may overtake each other, so within one window the lower number counts. Two
 * answers belong to the same window if their reset times differ by less than 5 s.
 */
export async function noteBudget(
  db: Knex,
  accountId: string,
  limit: { left: number; resetsIn: number; blockedFor: number },
): Promise<void> {
  await db.raw(
    `insert into cloudflare_budgets as b (account_id, calls_left, resets_at, blocked_until)
     values (:accountId, :left, clock_timestamp() + make_interval(secs => :resetsIn),
       clock_timestamp() + make_interval(secs => nullif(:blockedFor::float, 0)))
     on conflict (account_id) do update set
       calls_left = case when abs(extract(epoch from excluded.resets_at - b.resets_at)) < 5
         then least(b.calls_left, excluded.calls_left) else excluded.calls_left end,
       resets_at = excluded.resets_at,
       blocked_until = case when b.blocked_until < clock_timestamp() + ${maxAheadSeconds.blocked} * interval '1 second'
         then greatest(b.blocked_until, excluded.blocked_until) else excluded.blocked_until end`,
    { accountId, ...limit },
  )
}
