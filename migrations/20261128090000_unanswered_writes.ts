import type { Knex } from 'knex'

/** Whatever became of the run that sent it: a call without an answer may still arrive. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table unanswered_writes (
      id bigint generated always as identity primary key,
      app text not null,
      environment text not null,
      -- The deployment or the deletion that sent it.
      owner uuid not null,
      -- What it would remove can't be put right afterwards.
      destroys boolean not null,
      sent_at timestamptz not null default clock_timestamp(),
      -- Nobody waits for its answer any more.
      given_up boolean not null default false,
      -- From then on it counts as lost for good where something new is to be begun.
      settles_at timestamptz not null
    );
    create index unanswered_writes_target on unanswered_writes (app, environment);
    create index unanswered_writes_owner on unanswered_writes (owner);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table unanswered_writes')
}
