import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- What is known of a node now; feeds the status without touching history.
    create table orchestrator_states (
      node_id int primary key references orchestrator_nodes,
      confirmed boolean,
      good_streak int not null default 0,
      bad_streak int not null default 0,
      cycle_id bigint,
      checked_at timestamptz,
      verdict "char",
      state smallint,
      response_ms int,
      error_message text,
      identity_id int references orchestrator_identities,
      -- When the identity was last asked for; null: to be asked in the next cycle.
      identity_at timestamptz,
      momentum bigint,
      momentum_at timestamptz,
      -- {"<network>": {wraps, unwraps, wrapsHash, unwrapsHash, height, heightAt}}
      networks jsonb not null default '{}',
      raw_digest bytea
    ) with (fillfactor = 70);
    -- Whole answers, kept only when something but the moving numbers changed. json: the text as it was.
    create table orchestrator_raw_answers (
      node_id int not null references orchestrator_nodes,
      at timestamptz not null,
      identity json,
      status json,
      primary key (node_id, at)
    );
    create table orchestrator_maintenance_windows (
      id uuid primary key,
      -- Null: all nodes, and the bridge.
      node_ids int[] check (cardinality(node_ids) > 0),
      starts_at timestamptz not null,
      ends_at timestamptz not null,
      reason text not null,
      created_by text not null,
      created_at timestamptz not null default now(),
      check (ends_at > starts_at)
    );
    create index orchestrator_maintenance_ends on orchestrator_maintenance_windows (ends_at);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table orchestrator_maintenance_windows;
    drop table orchestrator_raw_answers;
    drop table orchestrator_states;
  `)
}
