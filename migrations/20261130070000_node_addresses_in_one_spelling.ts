import type { Knex } from 'knex'

/**
 * `::ffff:127.0.0.1` and `127.0.0.1` are one address, but two values of `inet`: one node could be entered twice and
 * count twice towards the quorum. From here on the database itself keeps the IPv4 spelling, whoever writes, and so the
 * unique index on active addresses covers both.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function canonical_address(address inet) returns inet language sql immutable strict as $$
      select case when address <<= inet '::ffff:0.0.0.0/96'
        then inet '0.0.0.0' + (address - inet '::ffff:0.0.0.0') else address end
    $$;
    create function orchestrator_nodes_canonical() returns trigger language plpgsql as $$
    begin
      new.ip_address := canonical_address(new.ip_address);
      return new;
    end $$;
    create trigger orchestrator_nodes_canonical before insert or update on orchestrator_nodes
      for each row execute function orchestrator_nodes_canonical();

    -- One node that was entered twice: the entry that is online now stays on, else the older one. The others are switched
    -- off and keep their history.
    create temporary table entered_twice on commit drop as
      select id from (
        select n.id, row_number() over (partition by canonical_address(n.ip_address), n.rpc_port
          order by s.confirmed is true desc, n.id) as place
        from orchestrator_nodes n left join orchestrator_states s on s.node_id = n.id where n.is_active
      ) as ranked where place > 1;
    update orchestrator_nodes set is_active = false, revision = revision + 1, updated_at = now()
      where id in (select id from entered_twice);
    delete from orchestrator_states where node_id in (select id from entered_twice);
    drop table entered_twice;
    update orchestrator_nodes set ip_address = ip_address where ip_address <> canonical_address(ip_address);
  `)
}

/** The addresses stay in the spelling that they have now. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger orchestrator_nodes_canonical on orchestrator_nodes;
    drop function orchestrator_nodes_canonical();
    drop function canonical_address(inet);
  `)
}
