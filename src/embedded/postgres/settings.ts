import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { StartFault } from '../../platform/process/start-fault.ts'
import { errorCode } from '../../platform/thrown.ts'

const settingsSchema = z.object({
  port: z.number().int().min(1).max(65535),
  password: z.string().min(1),
  /** The directory of data, logs and copied binaries. Unset if it is DATA_DIR itself, because DATA_DIR may be moved. */
  home: z.string().min(1).optional(),
})

/**
 * The content of `DATA_DIR/postgres.json`. It is written before initdb runs, so that the password of data is never
 * lost.
 */
export type PostgresSettings = z.infer<typeof settingsSchema>

const fileOf = (dataDir: string) => join(dataDir, 'postgres.json')

/** @returns undefined before the first start @throws StartFault if the file is not readable or damaged */
export function readSettings(dataDir: string): PostgresSettings | undefined {
  const file = fileOf(dataDir)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new StartFault(`${file} can't be read (${code}); was Capstan started as another user before?`)
  }
  try {
    return settingsSchema.parse(JSON.parse(text))
  } catch {
    throw new StartFault(`${file} is damaged; restore it, or move ${dataDir} away to start empty`)
  }
}

/** Replaces the file atomically, even if the machine loses power. */
export function writeSettings(dataDir: string, settings: PostgresSettings): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const file = fileOf(dataDir)
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(temporary, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600, flush: true })
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  const folder = openSync(dataDir, 'r')
  fsyncSync(folder)
  closeSync(folder)
}

export const databaseName = 'capstan'
export const superuser = 'capstan'

/** The connection URL of `database` on a server with these settings. */
export function urlOf(settings: { port: number; password: string }, database: string = databaseName): string {
  return `postgresql://${superuser}:${encodeURIComponent(settings.password)}@127.0.0.1:${settings.port}/${database}`
}

/** The connection URL of the embedded database, for other processes. @returns undefined before its first start */
export function readEmbeddedPostgres(dataDir: string): { url: string } | undefined {
  const settings = readSettings(dataDir)
  return settings === undefined ? undefined : { url: urlOf(settings) }
}
