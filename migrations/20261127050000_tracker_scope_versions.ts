import type { Knex } from 'knex'

/** A namespace's version changes with its components, whoever writes them; that it was seen again is no change. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function tracker_components_changed() returns trigger language plpgsql as $$
    begin
      update tracker_scopes set version = gen_random_uuid() where id in (select scope_id from changed);
      return null;
    end $$;
    create trigger tracker_components_inserted after insert on tracker_components
      referencing new table as changed for each statement execute function tracker_components_changed();
    create trigger tracker_components_updated after update on tracker_components
      referencing new table as changed for each statement execute function tracker_components_changed();
    create trigger tracker_components_deleted after delete on tracker_components
      referencing old table as changed for each statement execute function tracker_components_changed();
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger tracker_components_deleted on tracker_components;
    drop trigger tracker_components_updated on tracker_components;
    drop trigger tracker_components_inserted on tracker_components;
    drop function tracker_components_changed();
  `)
}
