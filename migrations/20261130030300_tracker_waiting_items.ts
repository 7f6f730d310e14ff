import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- On a slave: intervals that the master was sent and has not stored, with the reason. They are sent again.
    create table tracker_waiting (
      interval_id bigint primary key,
      reason text not null,
      since timestamptz not null default now(),
      tries int not null default 1,
      next_try_at timestamptz not null
    );
    create index tracker_waiting_next_try on tracker_waiting (next_try_at);
    -- On a master: what slaves have sent and was not stored, with the reason, until it is stored.
    create table tracker_rejections (
      client_name text not null,
      env_name text not null,
      -- <namespace>/<kind>/<workload>/<container> <tag>@<digest>
      item text not null,
      reason text not null,
      since timestamptz not null default now(),
      last_at timestamptz not null default now(),
      primary key (client_name, env_name, item)
    );
    -- Until now a run was acknowledged although some of it was rejected: the next push sends everything once more.
    update tracker_outbox set acknowledged = null, sequence = sequence + 1, run_id = gen_random_uuid();
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table tracker_rejections; drop table tracker_waiting')
}
