import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Where a channel points. The store's latest-<channel>.json follows it: behind while written < revision.
    create table release_channels (
      channel text primary key check (channel in ('stable', 'beta')),
      version text,
      revision int not null default 0,
      written int not null default 0 check (written <= revision)
    );
    create table release_channel_moves (
      id bigint generated always as identity primary key,
      channel text not null references release_channels,
      version text,
      -- found: the store's pointer said so, from an older publisher.
      kind text not null check (kind in ('found', 'published', 'promoted', 'fell-back')),
      moved_by text not null,
      at timestamptz not null default now()
    );
    -- The way back of a channel.
    create index release_channel_moves_channel on release_channel_moves (channel, id desc);

    create table release_yanks (
      version text primary key,
      reason text not null,
      yanked_by text not null,
      at timestamptz not null default now()
    );
    create table release_keys (
      id text primary key,
      public_key text not null,
      first_used_at timestamptz not null default now()
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(
    'drop table release_keys; drop table release_yanks; drop table release_channel_moves; drop table release_channels',
  )
}
