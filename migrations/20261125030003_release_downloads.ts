import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Every link to a file that was given out.
    create table release_downloads (
      id bigint generated always as identity primary key,
      at timestamptz not null default now(),
      version text not null,
      platform text not null,
      principal text not null,
      name text not null,
      address text not null,
      correlation_id text not null
    );
    create index release_downloads_version on release_downloads (version, at desc);

    create table release_download_counts (
      version text not null,
      platform text not null,
      links bigint not null,
      primary key (version, platform)
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table release_download_counts; drop table release_downloads')
}
