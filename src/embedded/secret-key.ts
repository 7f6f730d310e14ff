import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../platform/thrown.ts'

/**
 * The key of the embedded default, made once and kept in `DATA_DIR/secret.key` (mode 0600).
 * Several processes may ask at once: `link` lets exactly one file win, and all read that one.
 */
export function embeddedSecretKey(dataDir: string): string {
  const file = join(dataDir, 'secret.key')
  const kept = read(file)
  if (kept !== undefined) return kept
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const own = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(own, randomBytes(32).toString('base64url'), { mode: 0o600, flush: true })
  try {
    linkSync(own, file)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  } finally {
    rmSync(own, { force: true })
  }
  return readFileSync(file, 'utf8').trim()
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
