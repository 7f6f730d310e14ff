import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import knex, { type Knex } from 'knex'
import { pause } from '../deadline.ts'
import { errorCode, propertiesOf } from '../thrown.ts'
import { boundedClient, isAlive } from './client/bounded-pool.ts'
import { connectionLimits } from './client/connection-limits.ts'
import { migrationLimitMs, queryLimitMs } from './client/query-limit.ts'
import { allowIdle } from './client/transaction-limits.ts'
import { StorablePostgresClient } from './storable-client.ts'
import { isDatabaseUnavailable } from './unavailable.ts'

export interface DbOptions {
  url: string
  /** Shown in `pg_stat_activity`. */
  name: string
  /** Connections of this process's pool. See docs/architecture.md for the whole budget. */
  max?: number
  /** Milliseconds that one query may take. `withQueryLimit` raises it for single pieces of work. */
  queryMs?: number
}

/** One pool a process. Connections are made on demand, so a database that is down does not stop a start. */
export function createDb(options: DbOptions): Knex {
  const db = knex({
    client: StorablePostgresClient,
    // An error's text would otherwise hold the values of its query.
    compileSqlOnError: false,
    connection: {
      connectionString: options.url,
      application_name: `capstan-${options.name}`,
      ...connectionLimits,
    },
    pool: { min: 0, max: options.max ?? 10, validate: isAlive },
    acquireConnectionTimeout: 5000,
    // Its faults reach the callers; lines of its own would bypass our log and what is redacted there.
    log: { warn: ignore, error: ignore, deprecate: ignore, debug: ignore },
  })
  // The library makes its connections with the driver's own class, and has no setting for another.
  db.client.driver = { Client: boundedClient({ queryMs: options.queryMs ?? queryLimitMs }) }
  return db
}

const ignore = () => undefined

const migrationsFolder = fileURLToPath(new URL('../../../migrations', import.meta.url))

const migrationConfig = {
  directory: migrationsFolder,
  loadExtensions: ['.ts'],
  tableName: 'schema_migrations',
}

/**
 * Brings the schema up to date, or up to and with one migration. Two processes may do it at once: the second waits for
 * the first.
 */
export async function migrateUp(databaseUrl: string, last?: string): Promise<void> {
  const db = createDb({ url: databaseUrl, name: 'migrate', max: 2, queryMs: migrationLimitMs })
  try {
    await db.transaction(async (guard) => {
      // A migration over large tables may take longer than a transaction may otherwise stand still.
      await allowIdle(guard, 0)
      // knex's own lock fails the second process, and stays behind when the first is killed.
      await guard.raw('select pg_advisory_xact_lock(7041001)')
      await db.migrate.forceFreeMigrationsLock(migrationConfig)
      if (last === undefined) await db.migrate.latest(migrationConfig)
      else await migrateTo(db, last)
    })
  } finally {
    await db.destroy()
  }
}

async function migrateTo(db: Knex, last: string): Promise<void> {
  for (const name of knownMigrations()) {
    await db.migrate.up({ ...migrationConfig, name })
    if (name === last) return
  }
}

/** The names of all migrations of this version, oldest first. */
export function knownMigrations(): string[] {
  return readdirSync(migrationsFolder)
    .filter((name) => name.endsWith('.ts'))
    .toSorted()
}

/** The names of those that have run on a database, oldest first. */
export async function migrationsOf(databaseUrl: string): Promise<string[]> {
  const db = createDb({ url: databaseUrl, name: 'migrations', max: 1 })
  try {
    const [done] = await db.migrate.list(migrationConfig)
    return done.map(({ name }: { name: string }) => name).toSorted()
  } finally {
    await db.destroy()
  }
}

/** True when every migration that this version knows has run. */
export async function isMigrated(db: Knex): Promise<boolean> {
  const [, pending] = await db.migrate.list(migrationConfig)
  return pending.length === 0
}

/** True when the same write may succeed next time: the database is unavailable, or chose this transaction as a victim. */
export function isPassing(error: unknown): boolean {
  const code = errorCode(error)
  // Class 40: deadlocks and serialisation failures.
  return isDatabaseUnavailable(error) || (typeof code === 'string' && code.startsWith('40'))
}

/** True when a unique index (optionally: this one) refused a row. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const { code, constraint: name } = propertiesOf(error)
  return code === '23505' && (constraint === undefined || constraint === name)
}

/** True when this check refused a row. */
export function isCheckViolation(error: unknown, constraint: string): boolean {
  const { code, constraint: name } = propertiesOf(error)
  return code === '23514' && constraint === name
}

/**
 * Repeats work while the database is away, for up to a minute. Only for work that is harmless to repeat: a commit
 * whose answer was lost may have happened.
 */
export async function whileDatabaseIsAway<T>(work: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + 60_000
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2000)) {
    try {
      return await work()
    } catch (error) {
      if (!isDatabaseUnavailable(error) || performance.now() > giveUpAt) throw error
      await pause(waitMs)
    }
  }
}
