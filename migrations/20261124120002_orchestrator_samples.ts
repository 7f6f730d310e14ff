import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Who a node said it is; samples name the row.
    create table orchestrator_identities (
      id int generated always as identity primary key,
      node_id int not null references orchestrator_nodes,
      pillar_name text,
      producer_address text,
      pubkey text,
      created_at timestamptz not null default now()
    );
    create unique index orchestrator_identities_same on orchestrator_identities
      (node_id, pillar_name, producer_address, pubkey) nulls not distinct;
    -- One row per node and cycle; the order of columns saves padding.
    create table orchestrator_samples (
      at timestamptz not null,
      cycle_id bigint not null,
      momentum bigint,
      node_id int not null,
      seconds int not null,
      identity_id int,
      response_ms int,
      bnb_wraps bigint, bnb_unwraps bigint, eth_wraps bigint, eth_unwraps bigint,
      supernova_wraps bigint, supernova_unwraps bigint,
      state smallint,
      -- As answered; and as confirmed by then (null: not yet known).
      verdict "char" not null check (verdict in ('g', 'b', 't')),
      confirmed boolean,
      error_message text,
      primary key (node_id, at)
    ) partition by range (at);
    create index orchestrator_samples_at on orchestrator_samples using brin (at) with (pages_per_range = 32);
    -- Makes the partition of a month (UTC) exist. Returns whether it was missing.
    create function orchestrator_samples_partition(month timestamptz) returns boolean language plpgsql as $$
    declare
      first timestamptz := date_trunc('month', month, 'UTC');
      next timestamptz := date_trunc('month', first + interval '32 days', 'UTC');
      name text := 'orchestrator_samples_' || to_char(first at time zone 'UTC', 'YYYY_MM');
    begin
      if to_regclass(name) is not null then return false; end if;
      perform pg_advisory_xact_lock(7041010);
      if to_regclass(name) is not null then return false; end if;
      execute format('create table %I partition of orchestrator_samples for values from (%L) to (%L)',
        name, first, next);
      return true;
    end $$;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function orchestrator_samples_partition;
    drop table orchestrator_samples;
    drop table orchestrator_identities;
  `)
}
