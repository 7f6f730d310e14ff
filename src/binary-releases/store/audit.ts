import type { Knex } from 'knex'

/** In the transaction of what it tells. */
export async function recordAudit(
  trx: Knex,
  entry: { principal: string; action: string; target: string; correlationId: string | null },
): Promise<void> {
  const { principal, action, target, correlationId } = entry
  await trx('audit_entries').insert({
    principal,
    action,
    target,
    outcome: 'done',
    correlation_id: correlationId,
  })
}
