import { plain, table } from '../../platform/command-line/index.ts'
import type { PrepareRequest } from './request.ts'
import type { PreparedAnswer } from './wire.ts'

/** A plan for people: what changes, whether it can be undone, what it costs, until when it holds. */
export function planLines(prepared: PreparedAnswer, request: PrepareRequest): string[] {
  const { plan, reversible, estimatedCost: cost, expiresAt } = prepared
  const { config, environment } = request
  const changes = plan.changes.map(({ kind, name, action }) => [
    `  ${action}`,
    kind.replaceAll('_', ' '),
    name,
  ])
  const reasons = reversible.reasons.map(plain).join('; ')
  const count = config.modules.length
  return [
    `Plan: ${config.appName} to ${environment}, ${count} module${count === 1 ? '' : 's'}, main ${config.modules[0]?.name}`,
    ...table(['  change', 'what', 'name'], changes),
    `Reversible: ${reversible.value ? 'yes' : `no (${reasons})`}`,
    `Cost: ${cost.monthly} ${plain(cost.currency)} a month (estimated)`,
    `Expires: ${plain(expiresAt)}`,
  ]
}
