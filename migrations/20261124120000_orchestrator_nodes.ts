import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table orchestrator_nodes (
      id serial primary key,
      name varchar(100) not null,
      ip_address inet not null check (masklen(ip_address) = case family(ip_address) when 4 then 32 else 128 end),
      rpc_port int not null check (rpc_port between 1 and 65535),
      -- The TSS key that the node must show; null: any.
      pubkey varchar(100),
      is_active boolean not null default true,
      -- Raised by each change, so that what was asked of a former address is not taken for an answer of this one.
      revision int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      constraint orchestrator_nodes_name unique (name)
    );
    -- Two nodes may share a machine, but not a port; the address of a node that is gone may be used again.
    create unique index orchestrator_nodes_address on orchestrator_nodes (ip_address, rpc_port) where is_active;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table orchestrator_nodes')
}
