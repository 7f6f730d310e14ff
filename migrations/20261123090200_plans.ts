import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table plans (
      id uuid primary key,
      app text not null,
      environment text not null check (environment in ('staging', 'production')),
      digest text not null,
      -- Everything but code and secrets.
      config jsonb not null,
      -- [{name, type, content (base64)}], the first is the main one.
      modules jsonb not null,
      -- Secret name -> sealed value.
      secrets jsonb not null,
      created_by text not null,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null
    );
    -- Pruning of plans that were never deployed.
    create index plans_expires on plans (expires_at);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table plans')
}
