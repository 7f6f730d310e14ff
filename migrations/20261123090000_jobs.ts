import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table jobs (
      id uuid primary key,
      queue text not null,
      name text not null,
      payload jsonb not null,
      state text not null default 'queued'
        check (state in ('queued', 'running', 'retrying', 'completed', 'failed', 'cancelled')),
      -- Claimed runs so far. A crash or a retry by hand raises max_attempts with it.
      attempt int not null default 0,
      max_attempts int not null check (max_attempts >= 1),
      crashes int not null default 0,
      -- Raised by every claim; each write of a run is conditional on the value that it claimed with.
      fence bigint not null default 0,
      lease_until timestamptz,
      worker text,
      run_at timestamptz not null default now(),
      -- The outbox: true until the row was handed to the queue; delivery numbers the handings.
      undelivered boolean not null default true,
      delivery int not null default 0,
      delivered_at timestamptz,
      checked_at timestamptz,
      cancel_requested_at timestamptz,
      progress jsonb,
      error jsonb,
      -- What the job is about ('deployment:<id>'), who asked for it, and the request it came from.
      subject text,
      owner text,
      correlation_id text,
      -- Set for scheduled jobs: schedule and due time, so that one due time makes one row.
      due_key text unique,
      late_ms int,
      created_at timestamptz not null default now(),
      started_at timestamptz,
      finished_at timestamptz,
      check ((state = 'running') = (lease_until is not null))
    ) with (fillfactor = 70);
    -- The dispatcher's sweep: what waits for delivery, oldest first.
    create index jobs_undelivered on jobs (run_at) where undelivered;
    -- The reconciler's sweep: unfinished rows, the longest unchecked first.
    create index jobs_unfinished on jobs (checked_at nulls first) where state in ('queued', 'retrying');
    -- Leases that ended without an outcome.
    create index jobs_leases on jobs (lease_until) where state = 'running';
    -- GET /jobs, newest first, with and without a filter; and the jobs of one subject.
    create index jobs_created on jobs (created_at desc, id desc);
    create index jobs_subject on jobs (subject, created_at desc) where subject is not null;
    -- Pruning of finished rows.
    create index jobs_finished on jobs (finished_at) where finished_at is not null;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table jobs')
}
