import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../platform/thrown.ts'
import type { ApiAccess } from './client.ts'

/**
 * The command line's own token, made when it is first needed and kept in `DATA_DIR/cli-token` (mode 0600). One that
 * the API refuses (revoked, or of a database that was set up anew) is made again, once a command.
 */
export function tokenFile(dataDir: string, make: () => Promise<string>): ApiAccess['token'] {
  const file = join(dataDir, 'cli-token')
  let made: string | undefined
  return async (refused) => {
    const kept = made ?? read(file)
    // Another command may have made a new one since.
    if (kept !== undefined && kept !== refused) return kept
    if (made !== undefined) return undefined
    made = await make()
    write(file, made)
    return made
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Whole or not at all, and never readable by others, not even for a moment. */
function write(file: string, token: string): void {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(draft, `${token}\n`, { mode: 0o600, flag: 'wx', flush: true })
    renameSync(draft, file)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}
