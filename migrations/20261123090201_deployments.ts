import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table deployments (
      id uuid primary key references plans (id),
      app text not null,
      environment text not null,
      status text not null default 'initiated' check (status in
        ('initiated', 'in_progress', 'completed', 'failed', 'rolling_back', 'rolled_back', 'rollback_failed', 'cancelled')),
      options jsonb not null,
      -- The cloud's state before the first change; written once.
      snapshot jsonb,
      -- The version that this deployment uploaded.
      version_id uuid,
      error jsonb,
      started_by text not null,
      correlation_id text,
      created_at timestamptz not null default now(),
      started_at timestamptz,
      finished_at timestamptz
    );
    -- One live deployment per app and environment.
    create unique index deployments_live on deployments (app, environment)
      where status in ('initiated', 'in_progress', 'rolling_back');
    -- The newest deployments of a target: versions, what was good last.
    create index deployments_target on deployments (app, environment, created_at desc);
    -- GET /deploy, newest first.
    create index deployments_created on deployments (created_at desc, id desc);

    create table deployment_steps (
      deployment_id uuid not null references deployments (id),
      position int not null,
      step text not null,
      status text not null default 'pending' check (status in ('pending', 'running', 'completed', 'failed')),
      skipped boolean not null default false,
      attempt int not null default 0,
      error jsonb,
      started_at timestamptz,
      finished_at timestamptz,
      primary key (deployment_id, position)
    );
    -- Medians of earlier runs of a step.
    create index deployment_steps_durations on deployment_steps (step, finished_at desc) where status = 'completed';
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table deployment_steps; drop table deployments')
}
