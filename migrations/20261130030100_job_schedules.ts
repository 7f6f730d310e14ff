import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- When each schedule is due next, by the database's clock. A due time later than one interval from now is an
    -- error of an earlier clock, and is corrected.
    create table job_schedules (
      -- <queue>/<job name>
      key text primary key,
      every_ms bigint not null check (every_ms > 0),
      next_at timestamptz not null
    );
    -- How long a waiting job was told to wait: run_at is never later than this from now.
    alter table jobs add column delay_ms bigint not null default 0 check (delay_ms >= 0);
    update jobs set delay_ms = greatest(0, ceil(extract(epoch from run_at - clock_timestamp()) * 1000))
      where state in ('queued', 'retrying') and run_at > clock_timestamp();
    -- Until now the queue store counted delays. Now rows wait in the outbox until they are due.
    update jobs set undelivered = true where state in ('queued', 'retrying') and not undelivered;

    -- As before, but a job that runs again goes through the outbox when it is due, with the delay on record.
    create or replace function finish_runs(in_ids uuid[], in_fences bigint[], in_states text[], in_errors jsonb[],
      in_delays int[], in_redeliver boolean[])
    returns table (id uuid)
    language plpgsql as $$
    #variable_conflict use_column
    begin
      return query
      with input as materialized (
        select * from unnest(in_ids, in_fences, in_states, in_errors, in_delays, in_redeliver)
          as t (id, fence, state, error, delay_ms, redeliver)
      ), held as materialized (
        select j.id from jobs j join input i on j.id = i.id and j.fence = i.fence
        where j.state = 'running' order by j.id for update of j
      ), ended as (
        update jobs j set state = i.state, lease_until = null, worker = null,
          error = case when i.state = 'queued' then j.error else nullif(i.error, 'null') end,
          attempt = j.attempt - (i.state = 'queued')::int,
          delay_ms = i.delay_ms,
          run_at = case when i.state in ('queued', 'retrying')
            then clock_timestamp() + i.delay_ms * interval '1 millisecond' else j.run_at end,
          finished_at = case when i.state in ('queued', 'retrying') then null else clock_timestamp() end,
          undelivered = i.state in ('queued', 'retrying'), checked_at = null
        from input i join held h on h.id = i.id where j.id = i.id
        returning j.id, j.state, j.attempt, j.error
      ), told as materialized (
        select append_events(array_agg('job:' || e.id),
          array_agg(case when e.state in ('queued', 'retrying') then 'state' else 'end' end), array_agg(
          json_build_object('state', e.state, 'attempt', e.attempt, 'error', e.error)))
        from ended e having count(*) > 0
      )
      select e.id from ended e left join told on true;
    end $$;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    create or replace function finish_runs(in_ids uuid[], in_fences bigint[], in_states text[], in_errors jsonb[],
      in_delays int[], in_redeliver boolean[])
    returns table (id uuid)
    language plpgsql as $$
    #variable_conflict use_column
    begin
      return query
      with input as materialized (
        select * from unnest(in_ids, in_fences, in_states, in_errors, in_delays, in_redeliver)
          as t (id, fence, state, error, delay_ms, redeliver)
      ), held as materialized (
        select j.id from jobs j join input i on j.id = i.id and j.fence = i.fence
        where j.state = 'running' order by j.id for update of j
      ), ended as (
        update jobs j set state = i.state, lease_until = null, worker = null,
          error = case when i.state = 'queued' then j.error else nullif(i.error, 'null') end,
          attempt = j.attempt - (i.state = 'queued')::int,
          run_at = case when i.state in ('queued', 'retrying')
            then clock_timestamp() + i.delay_ms * interval '1 millisecond' else j.run_at end,
          finished_at = case when i.state in ('queued', 'retrying') then null else clock_timestamp() end,
          undelivered = i.redeliver, checked_at = null,
          delivered_at = case when i.state in ('queued', 'retrying')
            then clock_timestamp() + i.delay_ms * interval '1 millisecond' else j.delivered_at end
        from input i join held h on h.id = i.id where j.id = i.id
        returning j.id, j.state, j.attempt, j.error
      ), told as materialized (
        select append_events(array_agg('job:' || e.id),
          array_agg(case when e.state in ('queued', 'retrying') then 'state' else 'end' end), array_agg(
          json_build_object('state', e.state, 'attempt', e.attempt, 'error', e.error)))
        from ended e having count(*) > 0
      )
      select e.id from ended e left join told on true;
    end $$;
    alter table jobs drop column delay_ms;
    drop table job_schedules;
  `)
}
