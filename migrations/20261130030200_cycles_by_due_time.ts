import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('create index orchestrator_cycles_due on orchestrator_cycles (due_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index orchestrator_cycles_due')
}
