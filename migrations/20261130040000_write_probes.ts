import type { Knex } from 'knex'

/** One row that health checks write: a database may accept reads and refuse writes. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table write_probes (
      only_row boolean primary key default true check (only_row),
      at timestamptz not null
    )`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table write_probes')
}
