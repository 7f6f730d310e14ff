import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- One row a stream: its lock orders the writers, so numbers become visible in order and without gaps.
    create table streams (
      stream text primary key,
      seq bigint not null,
      ended boolean not null default false
    ) with (fillfactor = 70);
    create table events (
      stream text not null,
      seq bigint not null,
      type text not null,
      data jsonb not null,
      at timestamptz not null default clock_timestamp(),
      -- Every read is "this stream, after this number".
      primary key (stream, seq)
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table events; drop table streams')
}
