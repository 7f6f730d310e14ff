import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Which deployment is the newest is told by its number, whatever the clock said when it was made.
    create sequence deployments_number;
    alter table deployments add column number bigint;
    update deployments d set number = o.number from (
      select id, row_number() over (order by created_at, id) as number from deployments) o where o.id = d.id;
    select setval('deployments_number', (select count(*) + 1 from deployments), false);
    alter table deployments alter column number set default nextval('deployments_number'),
      alter column number set not null;
    alter sequence deployments_number owned by deployments.number;
    create index deployments_target_number on deployments (app, environment, number desc);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table deployments drop column number')
}
