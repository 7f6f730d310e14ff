import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { errorCode } from '../../platform/thrown.ts'
import { databaseName, urlOf } from './settings.ts'

/**
 * Waits until the server accepts connections and the database exists, which is created if necessary.
 * @returns false if the server has exited
 * @throws Error after `timeoutMs`, or if the server rejects the password; the signal's reason if it is aborted
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
    if (Date.now() > deadline)
      throw new Error(`PostgreSQL accepted no connections within ${timeoutMs / 1000} s`)
    await delay(20)
  }
  return false
}

/** SQLSTATE codes: 3D000 the database does not exist; 28P01 wrong password; 42P04 the database exists already. */
async function tryOnce(settings: { port: number; password: string }): Promise<'ready' | 'pending'> {
  const failure = await query(urlOf(settings), 'select 1')
  if (failure === undefined) return 'ready'
  if (failure.code === '28P01') throw new Error('PostgreSQL rejects the password in postgres.json')
  if (failure.code !== '3D000') return 'pending'
  const creationFailure = await query(urlOf(settings, 'postgres'), `create database ${databaseName}`)
  return creationFailure === undefined || creationFailure.code === '42P04' ? 'ready' : 'pending'
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
