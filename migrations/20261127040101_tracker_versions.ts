import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Another one with each transaction that writes below the namespace: what was made of it is then too old.
    alter table tracker_scopes add column version uuid not null default gen_random_uuid();
    -- Tells all processes at commit that what they remember of badges may be wrong.
    create function tracker_changed() returns trigger language plpgsql as $$
    begin
      perform pg_notify('tracker_changes', '');
      return null;
    end $$;
    create trigger tracker_scopes_changed after update on tracker_scopes
      for each statement execute function tracker_changed();
    create trigger tracker_badge_tokens_changed after update or delete on tracker_badge_tokens
      for each statement execute function tracker_changed();
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger tracker_badge_tokens_changed on tracker_badge_tokens;
    drop trigger tracker_scopes_changed on tracker_scopes;
    drop function tracker_changed();
    alter table tracker_scopes drop column version;
  `)
}
