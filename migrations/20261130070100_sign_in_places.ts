import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Where a user has signed in before: guesses from elsewhere must not keep it from signing in there again. Rows are
    -- written by successful sign-ins only, a limited number for each user.
    create table sign_in_places (
      user_id uuid not null references users on delete cascade,
      -- A keyed fingerprint of the address, or of the id in the browser's cookie.
      place text not null,
      kind text not null check (kind in ('address', 'browser')),
      -- As of sessions: a place is known only in the epoch in which it was written.
      session_epoch int not null,
      last_used_at timestamptz not null,
      expires_at timestamptz not null,
      primary key (user_id, place)
    );
    -- Pruning.
    create index sign_in_places_expiry on sign_in_places (expires_at);

    -- The account that a bucket belongs to, as a keyed fingerprint: a reset of the password clears them all.
    alter table login_limits add column account text;
    create index login_limits_account on login_limits (account) where account is not null;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table login_limits drop column account;
    drop table sign_in_places;
  `)
}
