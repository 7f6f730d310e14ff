import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { holderOf, lockFileOf } from './data-dir-lock.ts'
import { isOwn } from './ownership.ts'

const runningSchema = z.object({
  /** Of the supervisor. */
  pid: z.number().int(),
  /** Where the API answers from this machine, without a trailing slash. */
  url: z.string(),
  /** False when it uses a database that is not its own: then the command line can make itself no token. */
  embedded: z.boolean(),
  /** Undefined when it runs none. */
  localCloud: z.object({ port: z.number().int(), token: z.string().optional() }).optional(),
})

/** How a running service was started, as far as the command line has to know: its shell may have had other variables. */
export type RunningService = z.infer<typeof runningSchema>

const fileOf = (dataDir: string) => join(dataDir, 'running.json')

/**
 * Commands send their token to the address in the file, so a file that another user or a repository may have written
 * does not count.
 * @returns the service that runs on this DATA_DIR and has said that it serves; undefined when there is none.
 */
export function readRunning(dataDir: string): RunningService | undefined {
  if (![fileOf(dataDir), lockFileOf(dataDir)].every((file) => isOwn(file, { secret: true }))) return undefined
  let text: string
  try {
    text = readFileSync(fileOf(dataDir), 'utf8')
  } catch {
    return undefined
  }
  // A file from before a crash names another process than the one that holds the folder now.
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

/** Replaces the file as a whole; nobody else can read it (mode 0600). */
export function writeRunning(dataDir: string, running: RunningService): void {
  const file = fileOf(dataDir)
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(draft, `${JSON.stringify(running, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  renameSync(draft, file)
}

export function clearRunning(dataDir: string): void {
  rmSync(fileOf(dataDir), { force: true })
}
