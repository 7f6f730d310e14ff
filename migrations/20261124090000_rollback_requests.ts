import type { Knex } from 'knex'

// Rollback and retry by hand; a rollback that finds that there is no way back. As in src/deployments/model/states.ts.
const transitions = [
  ['initiated', 'rolling_back'],
  ['rolling_back', 'failed'],
  ['completed', 'rolling_back'],
  ['failed', 'in_progress'],
  ['failed', 'rolling_back'],
  ['cancelled', 'rolling_back'],
  ['rollback_failed', 'rolling_back'],
  ['rolled_back', 'rolling_back'],
].map(([from_status, to_status]) => ({ from_status, to_status }))

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table plans
      -- What was said to change, and whether it can be undone, when the plan was made.
      add preview jsonb not null default '{"changes": [], "reversible": {"value": true, "reasons": []}}';
    alter table deployments
      -- Checks only, changes nothing: no version, no history.
      add dry_run boolean not null default false,
      -- Where a rollback goes, who wanted it, and what serves after it.
      add rollback jsonb,
      -- The script's Durable Object migration tag since this deployment's upload.
      add migration_tag text,
      -- Set while an upload's answer is awaited: until it is known, or too old to arrive, nothing else is uploaded.
      add upload_sent_at timestamptz,
      -- The app was deleted since: its rows are history only.
      add removed_at timestamptz;
    -- Was this content rolled back before?
    create index plans_digest on plans (digest);
  `)
  await knex('deployment_transitions').insert(transitions)
}

export async function down(knex: Knex): Promise<void> {
  for (const each of transitions) await knex('deployment_transitions').where(each).delete()
  await knex.raw(`
    drop index plans_digest;
    alter table deployments drop dry_run, drop rollback, drop migration_tag, drop upload_sent_at, drop removed_at;
    alter table plans drop preview;
  `)
}
