import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table tracker_badge_tokens (
      id uuid primary key,
      -- SHA-256; the token itself is shown once.
      token_hash bytea not null unique,
      client_name text not null,
      -- Null: all of the client's badges.
      env_name text,
      namespace text,
      kind text,
      workload text,
      container text,
      created_by text not null,
      created_at timestamptz not null default now()
    );
    create index tracker_badge_tokens_client on tracker_badge_tokens (client_name, created_at desc);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table tracker_badge_tokens')
}
