import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- On a slave: who it is, the number of its last run, and how far the master has it all. One row.
    create table tracker_outbox (
      single boolean primary key default true check (single),
      collector_id uuid not null,
      run_id uuid not null,
      sequence bigint not null default 0,
      acknowledged bigint
    );
    -- On a master: how far each collector has been heard.
    create table tracker_collectors (
      collector_id uuid primary key,
      client_name text not null,
      env_name text not null,
      run_id uuid,
      sequence bigint,
      pushed_at timestamptz not null default now()
    );
    create table tracker_pings (
      client_name text not null,
      env_name text not null,
      -- By our clock; the sender's own beside it.
      last_ping timestamptz not null,
      sent_at timestamptz,
      slave_version text,
      status text not null check (status in ('online', 'warning', 'offline')),
      primary key (client_name, env_name)
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table tracker_pings; drop table tracker_collectors; drop table tracker_outbox')
}
