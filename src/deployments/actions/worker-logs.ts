import { dependencyFailed, notFound, unavailable } from '../../platform/errors.ts'
import type { Environment } from '../config.ts'
import { scriptName } from '../model/plan.ts'
import { listHistory } from '../store/index.ts'
import type { WorkerLine } from '../targets/local-logs.ts'
import type { ActionOptions } from './target-lock.ts'

const logsTimeoutMs = 15_000

/**
 * The last log lines of an app, oldest first.
 * @throws SYS_005 for an app that was never deployed, STATE_003 if the cloud keeps no lines
 */
export async function workerLogs(
  { db, targets }: ActionOptions,
  app: string,
  environment: Environment,
): Promise<WorkerLine[]> {
  if ((await listHistory(db, app, environment)).length === 0) throw notFound('App')
  const script = scriptName(app, environment)
  const target = await targets.of(environment)
  const logs = await target.logsOf(script, AbortSignal.timeout(logsTimeoutMs)).catch((error: unknown) => {
    throw unavailable('The local cloud does not answer', { cause: error })
  })
  if (logs !== undefined) return logs
  throw dependencyFailed('Cloudflare keeps no log lines that could be read afterwards', {
    retryable: false,
    suggestedAction: `Run: npx wrangler tail ${script}`,
  })
}
