import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../platform/thrown.ts'
import type { ApiAccess } from './client.ts'

/**
 * The command line's own token, created at the first use and stored in `DATA_DIR/cli-token` (mode 0600). A token that the
 * API refuses (revoked, or of a previous database) is replaced, once per command.
 */
export function tokenFile(dataDir: string, make: () => Promise<string>): ApiAccess['token'] {
  const file = join(dataDir, 'cli-token')
  let made: string | undefined
  return async (refused) => {
    const kept = made ?? read(file)
    // Another command may have created a new one.
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

/** Writes the file atomically, never readable by others. */
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
