import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- The share of the traffic that a deployment has given to its version; null before it has deployed the version.
    alter table deployments add column traffic jsonb;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table deployments drop column traffic')
}
