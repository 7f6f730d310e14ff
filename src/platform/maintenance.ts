import { z } from 'zod'
import { requirePermission } from './auth.ts'
import type { JobDefinition } from './jobs/index.ts'
import { withQueryLimit } from './postgres/index.ts'

/** A housekeeping task. Each run is bounded and returns its count, so that a large backlog is processed in portions. */
export interface Housekeeping {
  name: string
  run(): Promise<number>
}

const hour = 3_600_000
/** The query limit for deleting one portion of rows, with their indexes, on a busy database. */
const bulkLimitMs = 60_000

/** Runs all housekeeping tasks every hour. */
export const pruneJob: JobDefinition<Record<string, never>, Housekeeping[]> = {
  queue: 'maintenance',
  name: 'prune',
  payload: z.strictObject({}),
  maxAttempts: 3,
  timeoutMs: () => 10 * 60_000,
  backoff: { firstMs: 5000, maxMs: 60_000 },
  schedule: { everyMs: hour },
  // The job belongs to no domain, so only console administrators may change it.
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
