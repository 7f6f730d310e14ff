import type { Knex } from 'knex'

// Equality of numbers inside GiST, for the constraint that keeps intervals apart. A trusted extension of PostgreSQL's
// own: the database's owner may create it.
export async function up(knex: Knex): Promise<void> {
  await knex.raw('create extension if not exists btree_gist')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop extension if exists btree_gist')
}
