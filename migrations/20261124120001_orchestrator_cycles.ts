import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table orchestrator_cycles (
      id bigint generated always as identity primary key,
      -- The job that opened it; a job opens one cycle, however often it is delivered.
      job_id uuid not null unique,
      state text not null default 'running' check (state in ('running', 'complete', 'abandoned')),
      due_at timestamptz not null,
      started_at timestamptz not null,
      finished_at timestamptz,
      -- The time that this cycle stands for: the poll interval when it ran.
      seconds int not null check (seconds > 0),
      shards int not null default 1,
      shards_left int not null default 1 check (shards_left >= 0),
      online_count int,
      total_count int,
      throttled int,
      unknown int,
      min_online int not null,
      -- Null while it runs, and where no node was known to measure.
      bridge_status text check (bridge_status in ('online', 'offline')),
      -- {"<network>": {"wraps", "unwraps": median backlog of online nodes}}
      networks jsonb,
      -- Since when backlogs differ, by network.
      diverged jsonb,
      check ((state = 'running') = (finished_at is null))
    );
    -- One cycle at a time, whoever runs it.
    create unique index orchestrator_cycles_running on orchestrator_cycles ((true)) where state = 'running';
    create index orchestrator_cycles_started on orchestrator_cycles (started_at) where state = 'complete';
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table orchestrator_cycles')
}
