import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Another one with each transaction that writes below the namespace: what was made of it is then too old.
    alter table tracker_scopes add column version uuid not null default gen_random_uuid();
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table tracker_scopes drop column version')
}
