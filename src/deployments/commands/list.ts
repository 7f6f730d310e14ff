import type { ApiClient } from '../../cli/api/client.ts'
import { type Output, table } from '../../cli/index.ts'
import { listAnswer } from './wire.ts'

/** The options of `capstan deploy list`. */
export interface ListFlags {
  app?: string
  environment?: string
  status?: string
  limit: number
}

/** `capstan deploy list`. The API refuses unknown statuses and environments, and names the valid ones. */
export async function listDeployments(client: ApiClient, flags: ListFlags, out: Output): Promise<void> {
  const { app, environment, status, limit } = flags
  const list = await client.call(listAnswer, { path: '/deploy', query: { app, environment, status, limit } })
  const rows = list.deployments.map((each) => [
    each.deploymentId,
    each.appName,
    each.environment,
    each.dryRun ? `${each.status} (dry run)` : each.status,
    each.createdAt,
    each.error?.code ?? '',
  ])
  const lines = table(['id', 'app', 'environment', 'status', 'created', 'error'], rows)
  if (list.nextCursor !== null) lines.push(`(the latest ${rows.length}; there are more)`)
  out.answer(lines, list)
}
