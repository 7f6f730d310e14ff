import type { Knex } from 'knex'

/** A collector's id is no secret: under another client's name it is another collector. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table tracker_collectors drop constraint tracker_collectors_pkey,
      add primary key (client_name, collector_id);
  `)
}

/** Of two clients' collectors of one id the one stays that was heard last; the other one's next push tells all again. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    delete from tracker_collectors a using tracker_collectors b where a.collector_id = b.collector_id
      and (a.pushed_at, a.client_name) < (b.pushed_at, b.client_name);
    alter table tracker_collectors drop constraint tracker_collectors_pkey, add primary key (collector_id);
  `)
}
