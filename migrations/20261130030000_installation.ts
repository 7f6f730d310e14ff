import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- One row: who we are. Its id is in every key that we write to a Redis, which other installations may use too.
    create table installation (
      single boolean primary key default true check (single),
      id uuid not null default gen_random_uuid()
    );
    insert into installation default values;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table installation')
}
