import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table audit_entries (
      id bigint generated always as identity primary key,
      at timestamptz not null default now(),
      principal text not null,
      action text not null,
      target text not null,
      outcome text not null check (outcome in ('done', 'refused', 'forwarded')),
      correlation_id text
    );
    -- Reading back, newest first.
    create index audit_entries_at on audit_entries (at desc);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table audit_entries')
}
