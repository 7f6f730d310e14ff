import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table tracker_intervals (
      id bigint generated always as identity primary key,
      component_id bigint not null references tracker_components (id),
      image_repo text not null,
      image_name text not null,
      image_tag text not null,
      image_sha text not null check (image_sha ~ '^sha256:[0-9a-f]{64}$'),
      first_seen timestamptz not null,
      last_seen timestamptz not null,
      -- Null while it is open.
      ended text check (ended in ('replaced', 'rolled-back', 're-tagged', 'removed', 'unknown')),
      -- When it was found to be gone, which is later than when it was last seen.
      ended_at timestamptz,
      run bigint not null default 0,
      check (last_seen >= first_seen),
      -- One component runs one image at a time, and at most one interval is open.
      constraint tracker_intervals_apart exclude using gist (
        component_id with =,
        tstzrange(first_seen, case when ended is null then 'infinity'::timestamptz else last_seen end, '[]') with &&
      )
    );
    -- The history of a component, newest first, and what ran at a moment.
    create index tracker_intervals_history on tracker_intervals (component_id, first_seen desc);
    -- What was not pushed yet.
    create index tracker_intervals_run on tracker_intervals (run) where run > 0;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table tracker_intervals')
}
