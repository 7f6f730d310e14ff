import type { Knex } from 'knex'

// A rollback that makes the deployment's own version serve again, in place of one that was made outside Capstan. As in
// src/deployments/model/states.ts.
const transition = { from_status: 'rolling_back', to_status: 'completed' }

export async function up(knex: Knex): Promise<void> {
  await knex('deployment_transitions').insert(transition)
}

export async function down(knex: Knex): Promise<void> {
  await knex('deployment_transitions').where(transition).delete()
}
