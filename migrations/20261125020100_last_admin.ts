import type { Knex } from 'knex'

/**
 * There is always an active administrator: whoever would take away the last one is refused, also by two transactions
 * at once (the lock makes the second one look after the first has committed). And limits have an upper bound.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function keep_an_admin() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock(hashtextextended('capstan:last-admin', 0));
      if not exists (select 1 from users where is_admin and is_active) then
        raise exception 'no active administrator would be left'
          using errcode = 'check_violation', constraint = 'users_last_admin';
      end if;
      return null;
    end $$;
    create trigger last_admin_changed after update of is_admin, is_active on users for each row
      when (old.is_admin and old.is_active and not (new.is_admin and new.is_active))
      execute function keep_an_admin();
    create trigger last_admin_deleted after delete on users for each row
      when (old.is_admin and old.is_active) execute function keep_an_admin();
    alter table users add constraint users_rate_limit_bounds
      check (rate_limit_per_second <= 10000 and rate_limit_burst <= 100000) not valid;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table users drop constraint users_rate_limit_bounds;
    drop trigger last_admin_changed on users; drop trigger last_admin_deleted on users;
    drop function keep_an_admin();
  `)
}
