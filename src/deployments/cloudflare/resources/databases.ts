import { z } from 'zod'
import type { CloudHttp } from '../http.ts'
import type { DatabaseApi } from './types.ts'

const rows = z.array(z.object({ results: z.array(z.object({ name: z.string() })).default([]) }))

/** @param path the path of the account's D1 databases */
export function createDatabases(http: CloudHttp, path: string): DatabaseApi {
  const pathOf = (database: string, rest: string) => `${path}/${encodeURIComponent(database)}/${rest}`
  const names = async (database: string, query: { sql: string; params?: string[] }, signal: AbortSignal) => {
    const found = await http.read(rows, { path: pathOf(database, 'query'), post: query, signal })
    return found.flatMap(({ results }) => results.map(({ name }) => name))
  }
  const run = async (database: string, sql: string, signal: AbortSignal) => {
    const path = pathOf(database, 'query')
    await http.write(z.unknown(), { method: 'POST', path, json: { sql }, takesLong: true, signal })
  }
  return {
    async appliedMigrations(database, table, signal) {
      const sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?"
      const tables = await names(database, { sql, params: [table] }, signal)
      return tables.length === 0
        ? []
        : names(database, { sql: `SELECT name FROM "${table}" ORDER BY id` }, signal)
    },
    createMigrationTable: (database, table, signal) =>
      run(
        database,
        `CREATE TABLE IF NOT EXISTS "${table}" (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
        signal,
      ),
    async bookmark(database, signal) {
      const found = z.object({ bookmark: z.string() })
      return (await http.read(found, { path: pathOf(database, 'time_travel/bookmark'), signal })).bookmark
    },
    run,
  }
}
