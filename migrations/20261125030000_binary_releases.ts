import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table binary_releases (
      -- Unique: a version is published once.
      version text primary key check (version ~ '^[0-9A-Za-z.+-]{1,64}$'),
      id uuid not null unique,
      channel text not null check (channel in ('stable', 'beta')),
      -- sealed: its metadata is in the store, or about to be. From there on the way leads to published only.
      state text not null default 'draft' check (state in ('draft', 'publishing', 'sealed', 'published')),
      platforms text[] not null check (cardinality(platforms) > 0),
      notes text,
      released_at timestamptz check (state = 'draft' or released_at is not null),
      job_id uuid,
      error jsonb,
      created_by text not null,
      created_at timestamptz not null default now(),
      touched_at timestamptz not null default now(),
      published_at timestamptz check ((published_at is not null) = (state = 'published'))
    );

    create table binary_release_files (
      version text not null references binary_releases on delete cascade,
      platform text not null,
      size bigint not null check (size > 0),
      sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
      state text not null default 'pending' check (state in ('pending', 'uploaded')),
      -- Counts the uploads that replaced one another; each has a place of its own in the store.
      attempt int not null default 1,
      upload_id text,
      -- Parts that have arrived: number to etag.
      parts jsonb not null default '{}',
      primary key (version, platform)
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table binary_release_files; drop table binary_releases')
}
