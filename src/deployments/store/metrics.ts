import type { Knex } from 'knex'
import { stepKeys } from '../model/states.ts'

/** The metrics of `GET /deploy/metrics` that come from the database. */
export async function readMetrics(db: Knex, hours: number) {
  const [totals, steps, errors, line] = await Promise.all([
    db.raw(
      `select count(*) as total, count(*) filter (where status = 'completed') as completed,
         count(*) filter (where status in ('failed', 'rollback_failed')) as failed,
         count(*) filter (where status = 'rolled_back') as rolled_back,
         count(*) filter (where status = 'cancelled') as cancelled,
         percentile_cont(array[0.5, 0.95]) within group (order by extract(epoch from finished_at - started_at))
           filter (where status = 'completed') as seconds
       from deployments where created_at > now() - ? * interval '1 hour' and not dry_run`,
      [hours],
    ),
    db.raw(
      `select step, percentile_cont(0.5) within group (order by extract(epoch from finished_at - started_at))
           filter (where status = 'completed' and not skipped) as median,
         sum(greatest(attempt - 1, 0)) as retries
       from deployment_steps where started_at > now() - ? * interval '1 hour' group by step`,
      [hours],
    ),
    db.raw(
      `select code, count(*) as count, max(at) as last_at from (
         select error->>'code' as code, coalesce(finished_at, created_at) as at from deployments
         where error is not null and created_at > now() - ? * interval '1 hour' and not dry_run) failed
       group by code order by count(*) desc, code`,
      [hours],
    ),
    db.raw(
      `select count(*) as depth, extract(epoch from now() - min(run_at)) as oldest from jobs
       where queue in ('deploy-step', 'rollback') and name <> 'late-arrivals' and state in ('queued', 'retrying') and run_at <= now()`,
    ),
  ])
  return {
    totals: totals.rows[0] as Record<
      'total' | 'completed' | 'failed' | 'rolled_back' | 'cancelled',
      string
    > & {
      seconds: [number, number] | null
    },
    steps: (steps.rows as { step: string; median: number | null; retries: string }[]).toSorted(
      (a, b) => stepKeys.indexOf(a.step as never) - stepKeys.indexOf(b.step as never),
    ),
    errors: errors.rows as { code: string; count: string; last_at: Date }[],
    line: line.rows[0] as { depth: string; oldest: string | null },
  }
}
