import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { readOrCreate } from '../platform/installation/secret-file.ts'

const storedCredentials = z.object({
  accountId: z.string().regex(/^[0-9a-f]{32}$/),
  apiToken: z.string().min(1),
})

export type LocalCloudCredentials = z.infer<typeof storedCredentials>

/** The local cloud's own directory below DATA_DIR. */
export const localCloudDir = (dataDir: string): string => join(dataDir, 'local-cloud')

/**
 * The account id and token of the cloud below `dataDir`, made at the first call and kept in
 * `local-cloud/credentials.json` (mode 0600). A token from the environment replaces the kept one, without being
 * written down.
 */
export function localCloudCredentials(dataDir: string, tokenFromEnv?: string): LocalCloudCredentials {
  const kept = readCredentials(join(localCloudDir(dataDir), 'credentials.json'))
  return tokenFromEnv ? { ...kept, apiToken: tokenFromEnv } : kept
}

function readCredentials(file: string): LocalCloudCredentials {
  const text = readOrCreate(file, () => `${JSON.stringify(makeCredentials())}\n`)
  try {
    return storedCredentials.parse(JSON.parse(text))
  } catch {
    // The parser's error may quote the content, which is secret.
    throw new Error(`local cloud: ${file} can't be read as credentials; restore it or delete it`)
  }
}

const makeCredentials = (): LocalCloudCredentials => ({
  accountId: randomBytes(16).toString('hex'),
  apiToken: randomBytes(30).toString('base64url'),
})
