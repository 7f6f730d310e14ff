import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** `url` reaches the server's maintenance database; `prefix` begins the names of all databases of this run. */
    testServer: { url: string; template: string; prefix: string }
  }
}

export interface TestDatabase {
  url: string
  /** Ends the remaining connections and removes the database. */
  drop(): Promise<void>
}

/** Creates a migrated, empty database for the caller. Safe for concurrent calls of several test workers. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { url, template, prefix } = inject('testServer')
  const name = `${prefix}_${randomBytes(6).toString('hex')}`
  // Copying the files takes less CPU time than writing each page to the log, and nothing else is written meanwhile.
  await administer(url, `create database ${name} template ${template} strategy file_copy`)
  // The copy of the template needs an installation id of its own.
  await administer(databaseUrl(url, name), 'update installation set id = gen_random_uuid()')
  return {
    url: databaseUrl(url, name),
    drop: () => administer(url, `drop database if exists ${name} with (force)`),
  }
}

/** The number of open connections to a database, Capstan's and the libraries'. */
export async function connectionsTo(database: TestDatabase): Promise<number> {
  const client = new Client({ connectionString: inject('testServer').url })
  await client.connect()
  try {
    const name = new URL(database.url).pathname.slice(1)
    const { rows } = await client.query(
      "select count(*)::int as n from pg_stat_activity where datname = $1 and backend_type = 'client backend'",
      [name],
    )
    return rows[0].n
  } finally {
    await client.end()
  }
}

/** The URL of another database on the same server. */
export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** Runs statements one by one, outside a transaction, on the server's maintenance database. */
export async function administer(serverUrl: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: serverUrl })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
