import type { Knex } from 'knex'

/** Sums by hour and by day (UTC), which answer long periods; all can be made again from samples and cycles. */
export async function up(knex: Knex): Promise<void> {
  for (const grain of ['hour', 'day']) {
    await knex.raw(`
      create table orchestrator_node_${grain}s (
        node_id int not null,
        ${grain} timestamptz not null,
        samples int not null,
        measured int not null,
        online int not null,
        measured_seconds int not null,
        online_seconds int not null,
        primary key (node_id, ${grain})
      ) with (fillfactor = 80);
      create index orchestrator_node_${grain}s_at on orchestrator_node_${grain}s (${grain});
      -- A histogram of cycles: medians of any longer bucket can be made from it.
      create table orchestrator_bridge_${grain}s (
        ${grain} timestamptz not null,
        online_count int not null,
        total_count int not null,
        is_online boolean not null,
        cycles int not null,
        seconds int not null,
        primary key (${grain}, online_count, total_count, is_online)
      ) with (fillfactor = 80);
      create table orchestrator_network_${grain}s (
        ${grain} timestamptz not null,
        network text not null,
        cycles int not null,
        wraps_sum bigint not null, wraps_max bigint not null, wraps_above_seconds int not null,
        unwraps_sum bigint not null, unwraps_max bigint not null, unwraps_above_seconds int not null,
        primary key (${grain}, network)
      ) with (fillfactor = 80);
    `)
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const grain of ['hour', 'day'])
    for (const what of ['node', 'bridge', 'network'])
      await knex.raw(`drop table orchestrator_${what}_${grain}s`)
}
