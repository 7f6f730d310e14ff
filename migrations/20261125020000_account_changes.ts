import type { Knex } from 'knex'

/** Processes remember who is behind a credential for a moment: the database tells them of every change, whoever makes it. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function tell_account_change() returns trigger language plpgsql as $$
    begin
      perform pg_notify('account_changes', case tg_table_name
        when 'users' then 'user:' || (to_jsonb(coalesce(old, new)) ->> 'id')
        when 'revoked_jwts' then 'jwt:' || (to_jsonb(coalesce(old, new)) ->> 'jti')
        else 'user:' || (to_jsonb(coalesce(old, new)) ->> 'user_id') end);
      return null;
    end $$;
    create trigger account_changes after update or delete on users
      for each row execute function tell_account_change();
    -- Not when they were last used or seen: that changes nobody's rights.
    create trigger account_changes after delete or update of is_revoked, scopes, expires_at on api_tokens
      for each row execute function tell_account_change();
    create trigger account_changes after delete or update of session_epoch on sessions
      for each row execute function tell_account_change();
    create trigger account_changes after insert on revoked_jwts
      for each row execute function tell_account_change();
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger account_changes on users; drop trigger account_changes on api_tokens;
    drop trigger account_changes on sessions; drop trigger account_changes on revoked_jwts;
    drop function tell_account_change();
  `)
}
