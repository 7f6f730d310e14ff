import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Null: not sent yet. Such rows exist while releases are delivered to a master without batches.
    alter table tracker_waiting alter column reason drop not null;
    -- The master refused a call with this item only, so it must not travel with others.
    alter table tracker_waiting add column alone boolean not null default false;
    -- The run that began the interval. 'run' is the last one that changed it.
    alter table tracker_intervals add column first_run bigint not null default 0;
    update tracker_intervals set first_run = run
      where run > coalesce((select acknowledged from tracker_outbox), 0);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table tracker_intervals drop column first_run;
    alter table tracker_waiting drop column alone;
    update tracker_waiting set reason = 'was not sent yet' where reason is null;
    alter table tracker_waiting alter column reason set not null;
  `)
}
