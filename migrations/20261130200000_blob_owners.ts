import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Who sent the content first: the limit of a user counts it until it is deployed. Null for earlier content.
    alter table deployment_blobs add created_by text;
    create index deployment_blobs_created_by on deployment_blobs (created_by);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table deployment_blobs drop created_by')
}
