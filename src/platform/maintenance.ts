import { z } from 'zod'
import { requirePermission } from './auth.ts'
import type { JobDefinition } from './jobs/index.ts'
import { withQueryLimit } from './postgres/index.ts'

/** One piece of housekeeping; does a bounded amount and says how much, so that a big backlog takes turns. */
export interface Housekeeping {
  name: string
  run(): Promise<number>
}

const hour = 3_600_000
/** A bounded amount of rows, with their indexes, on a busy database. */
const bulkLimitMs = 60_000

/** Removes what has outlived its use, every hour. */
export const pruneJob: JobDefinition<Record<string, never>, Housekeeping[]> = {
  queue: 'maintenance',
  name: 'prune',
  payload: z.strictObject({}),
  maxAttempts: 3,
  timeoutMs: () => 10 * 60_000,
  backoff: { firstMs: 5000, maxMs: 60_000 },
  schedule: { everyMs: hour },
  // Nobody's work in particular.
  async authorizeChange(_tasks, _db, { principal }) {
    requirePermission(principal, 'console:admin')
  },
  async handle(tasks, _payload, run) {
    for (const task of tasks) {
      for (let removed = -1; removed !== 0; ) {
        run.signal.throwIfAborted()
        removed = await withQueryLimit(bulkLimitMs, () => task.run())
        if (removed > 0) run.log.info({ name: task.name, count: removed }, 'pruned')
      }
    }
    return { kind: 'done' }
  },
}
