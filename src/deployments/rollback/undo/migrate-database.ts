import { keptMigrations } from '../kept-data.ts'
import type { Compensation } from './context.ts'

/** Undoes nothing: to restore a database would lose every write since. Says how to do it by hand. */
export const undoMigrateDatabase: Compensation = {
  async undo({ deployment, log }) {
    const lines = keptMigrations(deployment)
    for (const line of lines) log.warn(line)
    return { note: lines.length === 0 ? 'nothing to undo' : 'database migrations stay applied' }
  },
}
