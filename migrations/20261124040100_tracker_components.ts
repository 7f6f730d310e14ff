import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- One namespace of one client's environment. Its row is the lock of everything written below it.
    create table tracker_scopes (
      id int generated always as identity primary key,
      client_name text not null,
      env_name text not null,
      namespace text not null,
      -- When a collection last read the namespace completely: what it watches was seen then, too.
      last_seen timestamptz,
      -- The number of that run, for what is still to be pushed to a master.
      run bigint not null default 0,
      unique (client_name, env_name, namespace)
    ) with (fillfactor = 70);

    -- One container of one workload, and what it runs now: read and compared without touching the history.
    create table tracker_components (
      id bigint generated always as identity primary key,
      scope_id int not null references tracker_scopes (id),
      kind text not null,
      workload text not null,
      container text not null,
      -- A collection has seen it here: only then may a collection end it.
      collected boolean not null default false,
      -- Its open interval is what collections see, so it was last seen when its namespace was last read.
      watched boolean not null default false,
      -- The open interval, copied; null when nothing runs.
      interval_id bigint,
      image_repo text,
      image_name text,
      image_tag text,
      image_sha text,
      first_seen timestamptz,
      last_seen timestamptz,
      state text check (state in ('current', 'progressing', 'degraded', 'scaled-to-zero')),
      pods int,
      images jsonb not null default '[]',
      run bigint not null default 0,
      -- The last full push that named it.
      marked uuid,
      unique (scope_id, kind, workload, container)
    ) with (fillfactor = 80);
    create index tracker_components_run on tracker_components (run) where run > 0;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table tracker_components; drop table tracker_scopes')
}
