import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { query } from '../support/client.ts'
import { createGate, type Gate } from '../support/gate.ts'
import type { GetInstallation } from '../support/installation.ts'
import { loseEverything } from '../support/lose-everything.ts'

export function truncationTests(get: GetInstallation): void {
  describe('truncated tables of the queue library', () => {
    let gate: Gate
    beforeAll(async () => {
      gate = await createGate()
    })
    afterAll(() => gate?.close())

    test('lose no accepted deployment and no schedule', async () => {
      const { stack, api } = get()
      const tables = await query<{ name: string }>(
        stack,
        `select format('%I.%I', schemaname, tablename) as name from pg_tables
         where schemaname = 'bullmq' and tablename <> 'migration'`,
      )
      const names = tables.map((table) => table.name)
      expect(names).toContain('bullmq.job')
      await loseEverything({ stack, api, gate }, () => query(stack, `truncate ${names.join(', ')} cascade`))
      // Polling and housekeeping are due according to their own rows.
      const due = await query(stack, 'select from job_schedules where next_at > now()')
      expect(due.length).toBeGreaterThanOrEqual(2)
    })
  })
}
