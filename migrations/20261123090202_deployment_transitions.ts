import type { Knex } from 'knex'

// The same table as in the code (src/deployments/model/states.ts); a test holds them equal.
const transitions = [
  ['initiated', 'in_progress'],
  ['initiated', 'failed'],
  ['initiated', 'cancelled'],
  ['in_progress', 'completed'],
  ['in_progress', 'failed'],
  ['in_progress', 'cancelled'],
  ['in_progress', 'rolling_back'],
  ['rolling_back', 'rolled_back'],
  ['rolling_back', 'rollback_failed'],
]

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table deployment_transitions (
      from_status text not null,
      to_status text not null,
      primary key (from_status, to_status)
    );
    create function refuse_deployment_transition() returns trigger language plpgsql as $$
    begin
      if new.status <> old.status and not exists (
        select 1 from deployment_transitions where from_status = old.status and to_status = new.status
      ) then
        raise exception 'a deployment cannot go from % to %', old.status, new.status using errcode = '23514';
      end if;
      return new;
    end $$;
    create trigger deployment_transition before update of status on deployments
      for each row execute function refuse_deployment_transition();
  `)
  await knex('deployment_transitions').insert(
    transitions.map(([from_status, to_status]) => ({ from_status, to_status })),
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger deployment_transition on deployments;
    drop function refuse_deployment_transition;
    drop table deployment_transitions;
  `)
}
