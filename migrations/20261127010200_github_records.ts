import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table github_records (
      deployment_id uuid primary key references deployments (id) on delete cascade,
      -- GitHub's id of its deployment record; null until it is known to exist.
      github_id bigint,
      -- What GitHub was told last.
      reported text check (reported in ('in_progress', 'success', 'failure', 'inactive')),
      updated_at timestamptz not null default clock_timestamp()
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table github_records')
}
