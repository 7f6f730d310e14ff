import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { errorCode } from '../../platform/thrown.ts'
import { databaseName, urlOf } from './settings.ts'

/**
 * Waits until the server takes connections and our database is there.
 * @returns false when the server has ended meanwhile. @throws after `timeoutMs`, when it refuses our password, or when
 * the signal is aborted.
 */
export async function untilReady(
  settings: { port: number; password: string },
  server: { hasExited(): boolean },
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined },
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  while (!server.hasExited()) {
    const outcome = await tryOnce(settings)
    if (outcome === 'ready') return true
    signal?.throwIfAborted()
    if (Date.now() > deadline) throw new Error(`PostgreSQL took no connections within ${timeoutMs / 1000} s`)
    await delay(20)
  }
  return false
}

/** Codes: 3D000 no such database; 28P01 wrong password; 42P04 the database was made by somebody else meanwhile. */
async function tryOnce(settings: { port: number; password: string }): Promise<'ready' | 'not yet'> {
  const refused = await query(urlOf(settings), 'select 1')
  if (refused === undefined) return 'ready'
  if (refused.code === '28P01') throw new Error('PostgreSQL refuses the password kept in postgres.json')
  if (refused.code !== '3D000') return 'not yet'
  const failed = await query(urlOf(settings, 'postgres'), `create database ${databaseName}`)
  return failed === undefined || failed.code === '42P04' ? 'ready' : 'not yet'
}

async function query(url: string, sql: string): Promise<{ code: string | undefined } | undefined> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: 5000,
    application_name: 'capstan-start',
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query(sql)
    return undefined
  } catch (error) {
    return { code: errorCode(error) }
  } finally {
    await client.end().catch(() => undefined)
  }
}
