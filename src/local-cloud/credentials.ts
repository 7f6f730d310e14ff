import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { errorCode } from '../platform/thrown.ts'

const storedCredentials = z.object({
  accountId: z.string().regex(/^[0-9a-f]{32}$/),
  apiToken: z.string().min(1),
})

export type LocalCloudCredentials = z.infer<typeof storedCredentials>

/** The local cloud's own directory below DATA_DIR. */
export const localCloudDir = (dataDir: string): string => join(dataDir, 'local-cloud')

/**
 * The account id and token of the cloud below `dataDir`, made at the first call and kept in
 * `local-cloud/credentials.json` (mode 0600). A token from the environment takes the place of the kept one, without
 * being written down. Any number of processes may call it at once: the first one wins, and all get the same.
 */
export function localCloudCredentials(dataDir: string, tokenFromEnv?: string): LocalCloudCredentials {
  const directory = localCloudDir(dataDir)
  const file = join(directory, 'credentials.json')
  const kept = readKept(file) ?? create(directory, file)
  return tokenFromEnv ? { ...kept, apiToken: tokenFromEnv } : kept
}

function readKept(file: string): LocalCloudCredentials | undefined {
  try {
    return storedCredentials.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    // Its content is secret, so the error of the parser, which may quote it, is not passed on.
    throw new Error(`local cloud: ${file} can't be read as credentials; restore it or delete it`)
  }
}

/** Written whole under another name, then linked: `link` fails when the name is taken, so nothing is overwritten. */
function create(directory: string, file: string): LocalCloudCredentials {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const made = { accountId: randomBytes(16).toString('hex'), apiToken: randomBytes(30).toString('base64url') }
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    const handle = openSync(draft, 'wx', 0o600)
    writeSync(handle, `${JSON.stringify(made)}\n`)
    fsyncSync(handle)
    closeSync(handle)
    linkSync(draft, file)
    return made
  } catch (error) {
    const winner = readKept(file)
    if (winner === undefined) throw error
    return winner
  } finally {
    rmSync(draft, { force: true })
  }
}
