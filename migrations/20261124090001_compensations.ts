import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- One row for each step that a rollback undoes, in the order of undoing.
    create table deployment_compensations (
      deployment_id uuid not null references deployments (id) on delete cascade,
      position int not null,
      step text not null,
      status text not null default 'pending' check (status in ('pending', 'running', 'completed', 'failed')),
      outcome jsonb,
      error jsonb,
      started_at timestamptz,
      finished_at timestamptz,
      primary key (deployment_id, position),
      unique (deployment_id, step)
    );
    -- How long rollbacks take.
    create index deployment_compensations_finished on deployment_compensations (finished_at desc);

    -- An app and environment that a job other than a deployment's works on: nothing is deployed meanwhile.
    create table target_holds (
      app text not null,
      environment text not null,
      purpose text not null,
      -- The deployment whose late calls are put right, or the deletion.
      holder uuid not null,
      primary key (app, environment)
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table target_holds; drop table deployment_compensations')
}
