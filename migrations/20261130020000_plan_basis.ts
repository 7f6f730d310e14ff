import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table plans
      -- What the cloud had of the app when the plan was made: the plan holds only as long as that is unchanged.
      -- Null for plans that were made before this was kept.
      add basis jsonb;
    alter table deployments
      -- Where the health check found the app; empty when the app has no public address.
      add address text;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table deployments drop address;
    alter table plans drop basis;
  `)
}
