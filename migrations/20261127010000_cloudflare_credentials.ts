import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table cloudflare_credentials (
      environment text primary key check (environment in ('staging', 'production')),
      account_id text not null,
      -- The API token, sealed for this environment.
      sealed_token text not null,
      updated_at timestamptz not null default clock_timestamp(),
      updated_by text not null
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table cloudflare_credentials')
}
