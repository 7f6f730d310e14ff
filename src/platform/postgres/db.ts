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
  /** The name of the connections in `pg_stat_activity`, after `capstan-`. */
  name: string
  /** The maximum number of connections in the pool. See docs/architecture.md for the budget of all processes. */
  max?: number
  /** Milliseconds that one query may take. `withQueryLimit` raises the limit for selected work. */
  queryMs?: number
}

/** Creates a connection pool. It connects on demand, so a process can start while the database is unreachable. */
export function createDb(options: DbOptions): Knex {
  const db = knex({
    client: StorablePostgresClient,
    // Otherwise the messages of errors would contain the values of the query.
    compileSqlOnError: false,
    connection: {
      connectionString: options.url,
      application_name: `capstan-${options.name}`,
      ...connectionLimits,
    },
    pool: { min: 0, max: options.max ?? 10, validate: isAlive },
    acquireConnectionTimeout: 5000,
    // Faults reach the callers as errors; knex's own log lines would bypass the redaction of Capstan's log.
    log: { warn: ignore, error: ignore, deprecate: ignore, debug: ignore },
  })
  // knex creates connections with the driver's own class and has no setting for another one.
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
 * Runs the pending migrations, all or up to and including `last`. Concurrent calls of several processes are safe: the
 * second waits for the first.
 */
export async function migrateUp(databaseUrl: string, last?: string): Promise<void> {
  const db = createDb({ url: databaseUrl, name: 'migrate', max: 2, queryMs: migrationLimitMs })
  try {
    await db.transaction(async (guard) => {
      // The migration of a large table may take longer than the limit on idle transactions.
      await allowIdle(guard, 0)
      // knex's own lock makes the second process fail, and remains locked when the first process is killed.
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

/** The names of the migrations that have run on a database, oldest first. */
export async function appliedMigrations(databaseUrl: string): Promise<string[]> {
  const db = createDb({ url: databaseUrl, name: 'migrations', max: 1 })
  try {
    const [done] = await db.migrate.list(migrationConfig)
    return done.map(({ name }: { name: string }) => name).toSorted()
  } finally {
    await db.destroy()
  }
}

/** True if all migrations of this version have run. */
export async function isMigrated(db: Knex): Promise<boolean> {
  const [, pending] = await db.migrate.list(migrationConfig)
  return pending.length === 0
}

/** True if a retry may succeed: the database is unavailable, or ended the transaction because of a conflict. */
export function isTransient(error: unknown): boolean {
  const code = errorCode(error)
  // Class 40: deadlocks and serialisation failures.
  return isDatabaseUnavailable(error) || (typeof code === 'string' && code.startsWith('40'))
}

/** True if a unique index (the given one, or any) rejected a row. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const { code, constraint: name } = propertiesOf(error)
  return code === '23505' && (constraint === undefined || constraint === name)
}

/** True if the given check constraint rejected a row. */
export function isCheckViolation(error: unknown, constraint: string): boolean {
  const { code, constraint: name } = propertiesOf(error)
  return code === '23514' && constraint === name
}

/**
 * Retries work while the database is unavailable, for up to a minute. Only for idempotent work: if the answer to a
 * commit was lost, the transaction may have been committed.
 */
export async function retryWhileDatabaseUnavailable<T>(work: () => Promise<T>): Promise<T> {
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
