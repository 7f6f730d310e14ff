import type { Knex } from 'knex'
import { within } from '../deadline.ts'
import { createDb, isMigrated } from '../postgres/db.ts'
import { type DatabaseFault, databaseFaultOf } from '../postgres/index.ts'
import { propertiesOf } from '../thrown.ts'

/** A fault of the database as a word that reveals nothing internal. */
export type DatabaseProblem = DatabaseFault | 'refused' | 'failing'

export interface DatabaseState {
  /** The fault of reads; unset if they work. */
  unreadable?: DatabaseProblem
  /** The fault of writes; unset if they work. */
  unwritable?: DatabaseProblem
  /** True if jobs are overdue and no worker runs any job. */
  stalled: boolean
  /** Milliseconds that this process's clock is ahead of the database's. */
  aheadMs: number
}

export interface DatabaseProbe {
  /** Concurrent calls share one result. Never rejects. */
  check(): Promise<DatabaseState>
  /** Whether all migrations of this version have run. @throws if the database does not answer in time */
  isMigrated(): Promise<boolean>
  close(): Promise<void>
}

const limitMs = 2000

/** Uses a connection of its own, so that probes and requests do not wait for each other's connections. */
export function createDatabaseProbe(databaseUrl: string): DatabaseProbe {
  const db = createDb({ url: databaseUrl, name: 'health', max: 1, queryMs: limitMs })
  let checking: Promise<DatabaseState> | undefined
  let migrated: Promise<boolean> | undefined
  return {
    check() {
      checking ??= check(db).finally(() => {
        checking = undefined
      })
      return checking
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

async function check(db: Knex): Promise<DatabaseState> {
  try {
    const sentAt = Date.now()
    const { rows } = await withinLimit(db.raw('select clock_timestamp() as now'))
    const aheadMs = (sentAt + Date.now()) / 2 - rows[0].now.getTime()
    const [stalled, unwritable] = await Promise.all([isStalled(db), probeWrite(db)])
    return { stalled, aheadMs, ...(unwritable === undefined ? {} : { unwritable }) }
  } catch (error) {
    return { unreadable: problemOf(error), stalled: false, aheadMs: 0 }
  }
}

const withinLimit = <T>(query: PromiseLike<T>) => within(limitMs, Promise.resolve(query), 'the database')

async function probeWrite(db: Knex): Promise<DatabaseProblem | undefined> {
  try {
    await withinLimit(
      db.raw(`insert into write_probes (at) values (now())
        on conflict (only_row) do update set at = excluded.at`),
    )
    return undefined
  } catch (error) {
    // A missing table means that migrations have not run: `/health/ready` reports that, it is no fault of the database.
    if (error instanceof Error && 'code' in error && error.code === '42P01') return undefined
    return problemOf(error)
  }
}

/** True if jobs are overdue and no lease is valid: all workers are dead. A queue behind busy workers does not count. */
async function isStalled(db: Knex): Promise<boolean> {
  try {
    const { rows } = await withinLimit(
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
  // Class 28: invalid credentials. Class 3D: the database does not exist.
  if (/^(28|3D)/.test(String(code ?? ''))) return 'refused'
  if (/within \d+ ms/.test(String(message))) return 'timeout'
  return databaseFaultOf(error) ?? 'failing'
}
