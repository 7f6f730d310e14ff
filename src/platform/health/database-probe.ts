import type { Knex } from 'knex'
import { within } from '../deadline.ts'
import { createDb, isMigrated } from '../postgres/db.ts'
import { type DatabaseFault, databaseFaultOf } from '../postgres/index.ts'
import { propertiesOf } from '../thrown.ts'

/** What may be wrong with a database, as a word without anything of its inside. */
export type DatabaseProblem = DatabaseFault | 'refused' | 'failing'

export interface DatabaseState {
  /** Unset when it can be read. */
  unreadable?: DatabaseProblem
  /** Unset when it can be written to. */
  unwritable?: DatabaseProblem
  /** Work is overdue and nobody runs any. */
  stalled: boolean
  /** Milliseconds that our clock is ahead of the database's. */
  aheadMs: number
}

export interface DatabaseProbe {
  /** Those who ask at the same time share one answer. Never rejects. */
  look(): Promise<DatabaseState>
  /** Whether every migration of this version has run. @throws when the database can't be asked in time */
  isMigrated(): Promise<boolean>
  close(): Promise<void>
}

const limitMs = 2000

/** Asks over a connection of its own: probes must not wait for, or take, what requests need. */
export function createDatabaseProbe(databaseUrl: string): DatabaseProbe {
  const db = createDb({ url: databaseUrl, name: 'health', max: 1, queryMs: limitMs })
  let looking: Promise<DatabaseState> | undefined
  let migrated: Promise<boolean> | undefined
  return {
    look() {
      looking ??= look(db).finally(() => {
        looking = undefined
      })
      return looking
    },
    isMigrated() {
      migrated ??= within(limitMs, isMigrated(db), 'the database').finally(() => {
        migrated = undefined
      })
      return migrated
    },
    close: () => db.destroy(),
  }
}

async function look(db: Knex): Promise<DatabaseState> {
  try {
    const sentAt = Date.now()
    const { rows } = await ask(db.raw('select clock_timestamp() as now'))
    const aheadMs = (sentAt + Date.now()) / 2 - rows[0].now.getTime()
    const [stalled, unwritable] = await Promise.all([isStalled(db), writeProblem(db)])
    return { stalled, aheadMs, ...(unwritable === undefined ? {} : { unwritable }) }
  } catch (error) {
    return { unreadable: problemOf(error), stalled: false, aheadMs: 0 }
  }
}

const ask = <T>(question: PromiseLike<T>) => within(limitMs, Promise.resolve(question), 'the database')

async function writeProblem(db: Knex): Promise<DatabaseProblem | undefined> {
  try {
    await ask(
      db.raw(`insert into write_probes (at) values (now())
        on conflict (only_row) do update set at = excluded.at`),
    )
    return undefined
  } catch (error) {
    // A missing table is no fault of the database: it is not migrated, which readiness tells.
    if (error instanceof Error && 'code' in error && error.code === '42P01') return undefined
    return problemOf(error)
  }
}

/** Overdue work while nobody holds a lease: workers that died silently. A long line behind busy workers is not that. */
async function isStalled(db: Knex): Promise<boolean> {
  try {
    const { rows } = await ask(
      db.raw(
        `select exists (select 1 from jobs where state in ('queued', 'retrying') and run_at < now() - interval '60 s')
           and not exists (select 1 from jobs where state = 'running' and lease_until > now()) as stalled`,
      ),
    )
    return rows[0].stalled
  } catch {
    return false
  }
}

function problemOf(error: unknown): DatabaseProblem {
  const { code, message } = propertiesOf(error)
  // Sign-in refused (28), no such database (3D).
  if (/^(28|3D)/.test(String(code ?? ''))) return 'refused'
  if (/within \d+ ms/.test(String(message))) return 'timeout'
  return databaseFaultOf(error) ?? 'failing'
}
