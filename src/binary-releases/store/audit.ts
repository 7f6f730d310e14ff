import type { Knex } from 'knex'

/** Records an audit entry in the transaction of the audited change. */
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
