import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table users (
      id uuid primary key,
      username text not null check (char_length(username) between 3 and 50),
      email text not null check (char_length(email) between 3 and 255),
      password_hash text not null,
      is_active boolean not null default true,
      is_admin boolean not null default false,
      rate_limit_per_second int not null check (rate_limit_per_second > 0),
      rate_limit_burst int not null check (rate_limit_burst > 0),
      -- Raised when every sign-in of the user must end: a session or JWT is good only for the epoch it names.
      session_epoch int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    -- Sign-in by name; "Admin" and "admin" are one user.
    create unique index users_username on users (lower(username));
    create unique index users_email on users (lower(email));

    create table api_tokens (
      id uuid primary key,
      user_id uuid not null references users on delete cascade,
      -- The token that made it: revoking that one revokes this one, too.
      parent_id uuid references api_tokens on delete set null,
      -- SHA-256 of the token: 256 random bits need no slow hash. Unique: every request looks it up.
      token_hash bytea not null unique,
      name text not null check (char_length(name) between 1 and 100),
      -- Null: everything that its user may do.
      scopes text[] check (cardinality(scopes) > 0),
      expires_at timestamptz,
      is_revoked boolean not null default false,
      last_used_at timestamptz,
      created_at timestamptz not null default now()
    );
    -- A user's list, newest first, and the count of its active tokens.
    create index api_tokens_user on api_tokens (user_id, created_at desc, id desc);
    -- Revoking a token and what it made.
    create index api_tokens_parent on api_tokens (parent_id) where parent_id is not null;

    create table sessions (
      id_hash bytea primary key,
      user_id uuid not null references users on delete cascade,
      session_epoch int not null,
      created_at timestamptz not null,
      last_seen_at timestamptz not null,
      expires_at timestamptz not null
    );
    -- Ending all sessions of a user.
    create index sessions_user on sessions (user_id);
    -- Pruning.
    create index sessions_expiry on sessions (expires_at);

    create table revoked_jwts (
      jti uuid primary key,
      expires_at timestamptz not null
    );
    -- Pruning.
    create index revoked_jwts_expiry on revoked_jwts (expires_at);

    -- One row an address or account that tried to sign in; the key is a keyed fingerprint, never a name.
    create table login_limits (
      bucket text primary key,
      -- Attempts inside the window, oldest first; never more than the limit.
      hits timestamptz[] not null,
      expires_at timestamptz not null
    ) with (fillfactor = 70);
    -- Pruning.
    create index login_limits_expiry on login_limits (expires_at);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table login_limits, revoked_jwts, sessions, api_tokens, users')
}
