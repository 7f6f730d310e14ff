import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- The two statements that every run of a job passes through. As functions their plans are kept by the session:
    -- parsing and planning them anew cost more than running them (measured: half of the runner's throughput).

    -- Claims jobs that wait, and those whose holder's lease has expired. A crash is not the job's fault: it raises
    -- the budget with the count, so a job that was to run once still does.
    create function claim_jobs(in_ids uuid[], in_worker text, in_lease_ms int)
    returns table (want_id uuid, held_ms float8, is_held boolean, id uuid, fence bigint, queue text, name text,
      payload jsonb, attempt int, max_attempts int, crashes int, cancel_requested_at timestamptz,
      correlation_id text)
    language plpgsql as $$
    #variable_conflict use_column
    begin
      return query
      with want as materialized (
        select j.id, j.state, j.lease_until from jobs j where j.id = any(in_ids) order by j.id for update
      ), claimed as (
        update jobs j set state = 'running', attempt = j.attempt + 1, fence = j.fence + 1, worker = in_worker,
          crashes = j.crashes + (w.state = 'running')::int,
          max_attempts = j.max_attempts + (w.state = 'running')::int,
          lease_until = clock_timestamp() + in_lease_ms * interval '1 millisecond',
          undelivered = false, started_at = coalesce(j.started_at, clock_timestamp())
        from want w
        where j.id = w.id and (w.state in ('queued', 'retrying')
          or (w.state = 'running' and w.lease_until < clock_timestamp()))
        returning j.*
      ), told as materialized (
        select append_events(array_agg('job:' || c.id), array_agg('state'::text), array_agg(
          json_build_object('state', 'running', 'attempt', c.attempt, 'max_attempts', c.max_attempts)))
        from claimed c having count(*) > 0
      )
      select w.id, (extract(epoch from w.lease_until - clock_timestamp()) * 1000)::float8, w.state = 'running',
        c.id, c.fence, c.queue, c.name, c.payload, c.attempt, c.max_attempts, c.crashes, c.cancel_requested_at,
        c.correlation_id
      from want w left join claimed c on c.id = w.id left join told on true;
    end $$;

    -- Records the outcomes of runs that still hold their jobs. 'queued' gives the attempt back: a snooze or a
    -- hand-over does not use one up.
    create function finish_runs(in_ids uuid[], in_fences bigint[], in_states text[], in_errors jsonb[],
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
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function finish_runs; drop function claim_jobs')
}
