import { describe, expect, it } from 'vitest'
import { createDatabaseClock } from '../../src/platform/clock.ts'
import { createDb } from '../../src/platform/postgres/db.ts'
import { silent } from '../helpers/context.ts'
import { createTestDatabase } from '../helpers/servers/postgres-server.ts'

describe('the clock of an installation', () => {
  it('returns the database’s time, whatever the machine’s time of day', async () => {
    const database = await createTestDatabase()
    const db = createDb({ url: database.url, name: 'test', max: 1 })
    const clock = createDatabaseClock(db, silent)
    expect(clock.aheadMs()).toBeUndefined()
    await clock.start()
    const RealDate = Date
    try {
      globalThis.Date = class extends RealDate {
        static override now() {
          return RealDate.now() + 3_600_000
        }
      } as DateConstructor
      expect(Math.abs(clock.now().getTime() - RealDate.now())).toBeLessThan(2000)
      expect(clock.aheadMs()).toBeGreaterThan(3_590_000)
    } finally {
      globalThis.Date = RealDate
    }
    await clock.stop()
    await db.destroy()
    await database.drop()
  })

  it('returns the machine’s time until the database has responded', async () => {
    const db = createDb({ url: 'postgresql://nobody@127.0.0.1:1/none', name: 'test', max: 1 })
    const clock = createDatabaseClock(db, silent)
    await clock.start()
    expect(Math.abs(clock.now().getTime() - Date.now())).toBeLessThan(1000)
    await clock.stop()
    await db.destroy()
  })
})
