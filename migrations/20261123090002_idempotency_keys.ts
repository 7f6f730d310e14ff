import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table idempotency_keys (
      owner text not null,
      key text not null,
      fingerprint text not null,
      status int not null,
      answer jsonb not null,
      created_at timestamptz not null default now(),
      primary key (owner, key)
    );
    -- Pruning after a day.
    create index idempotency_keys_created on idempotency_keys (created_at);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table idempotency_keys')
}
