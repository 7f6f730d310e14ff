import { plain, table } from '../../../cli/index.ts'
import type { PrepareRequest } from '../project/request.ts'
import type { PreparedAnswer } from '../wire.ts'
import { changeRows } from './change-rows.ts'

/** The lines that describe a plan: its changes, whether they are reversible, the cost and the expiry. */
export function planLines(prepared: PreparedAnswer, request: PrepareRequest): string[] {
  const { plan, reversible, estimatedCost: cost, expiresAt } = prepared
  const { config, environment } = request
  const changes = changeRows(prepared, request).map(({ action, kind, name, details }) => [
    `  ${action}`,
    kind,
    name,
    details,
  ])
  const columns = ['  change', 'what', 'name', 'details']
  const reasons = reversible.reasons.map(plain).join('; ')
  return [
    `Plan: ${config.appName} to ${environment}, ${whatOf(config)}`,
    ...table(columns, changes),
    ...addressLine(plan.addresses),
    ...checkLine(plan.checkBeforeTraffic),
    `Reversible: ${reversible.value ? 'yes' : `no (${reasons})`}`,
    `Cost: ${cost.monthly} ${plain(cost.currency)} a month (estimated)`,
    `Expires: ${plain(expiresAt)}`,
  ]
}

/** The line with the health check's address; none from an older service, which does not report it. */
function addressLine(addresses: PreparedAnswer['plan']['addresses']): string[] {
  if (addresses === undefined) return []
  const { healthCheck } = addresses
  return [
    healthCheck === null
      ? 'Health check: none, as the app has no public address'
      : `Health check: ${plain(healthCheck)}`,
  ]
}

/** The line on the check of the new version before it has traffic; none from an older service. */
export function checkLine(check: PreparedAnswer['plan']['checkBeforeTraffic']): string[] {
  if (check === undefined || check === null) return []
  return [
    check.possible
      ? 'Check at 0 % of the traffic: yes, before the new version answers users'
      : `Check at 0 % of the traffic: not possible, because ${plain(check.reason ?? 'it is unknown')}`,
  ]
}

function whatOf({ modules = [], assets, containerImage }: PrepareRequest['config']): string {
  const [main] = modules
  const files = assets?.files.length ?? 0
  const served = files === 0 ? [] : [`${files} static file${files === 1 ? '' : 's'}`]
  const code = `${modules.length} module${modules.length === 1 ? '' : 's'}, main ${main?.name}`
  const image = containerImage === undefined ? [] : [`image ${plain(containerImage)}`]
  return [...(main === undefined ? [] : [code]), ...served, ...image].join(', ')
}
