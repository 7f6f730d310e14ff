import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { holderOf, lockFileOf } from './data-dir-lock.ts'
import { isOwn } from './ownership.ts'

const runningSchema = z.object({
  /** The supervisor's process id. */
  pid: z.number().int(),
  /** The API's URL on this machine, without a trailing slash. */
  url: z.string(),
  /** False with an external database; the command line then cannot create a token for itself. */
  embedded: z.boolean(),
  /** Undefined if the service runs no local cloud. */
  localCloud: z.object({ port: z.number().int(), token: z.string().optional() }).optional(),
})

/** The settings of a running service that the command line needs: its shell may have had other variables. */
export type RunningService = z.infer<typeof runningSchema>

const fileOf = (dataDir: string) => join(dataDir, 'running.json')

/**
 * Reads `running.json`. Commands send their token to the address in it, so a file that another user or a repository may
 * have written is ignored.
 * @returns the service that runs on this DATA_DIR and is ready, or undefined
 */
export function readRunning(dataDir: string): RunningService | undefined {
  if (![fileOf(dataDir), lockFileOf(dataDir)].every((file) => isOwn(file, { secret: true }))) return undefined
  let text: string
  try {
    text = readFileSync(fileOf(dataDir), 'utf8')
  } catch {
    return undefined
  }
  // A file written before a crash names a process that no longer holds the folder.
  const parsed = runningSchema.safeParse(jsonOf(text))
  return parsed.success && holderOf(dataDir) === parsed.data.pid ? parsed.data : undefined
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Replaces the file atomically; only its owner can read it (mode 0600). */
export function writeRunning(dataDir: string, running: RunningService): void {
  const file = fileOf(dataDir)
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(draft, `${JSON.stringify(running, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  renameSync(draft, file)
}

export function clearRunning(dataDir: string): void {
  rmSync(fileOf(dataDir), { force: true })
}
