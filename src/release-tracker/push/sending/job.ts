import { z } from 'zod'
import type { JobDefinition } from '../../../platform/jobs/index.ts'
import { authorizeChange } from '../../authorize-change.ts'
import type { TrackerContext } from '../../context.ts'
import { describeOwn } from '../../describe-own.ts'
import { push } from './push.ts'

export const pushSubject = 'tracker:push'

/** Sends a slave's pending changes to its master. Retries without limit, so that an outage of any length loses nothing. */
export const pushJob: JobDefinition<Record<string, never>, TrackerContext> = {
  queue: 'collect',
  name: 'push-releases',
  payload: z.strictObject({}),
  maxAttempts: 1_000_000,
  timeoutMs: () => 30 * 60_000,
  backoff: { firstMs: 1000, maxMs: 5 * 60_000 },
  authorizeChange,
  describe: describeOwn,
  handle: (context, _payload, run) =>
    push(context, run, async (trx, delayMs) => {
      await context.enqueue(trx, pushJob, { payload: {}, subject: pushSubject, delayMs })
    }),
}
