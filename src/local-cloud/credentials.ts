import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { readOrCreate } from '../platform/installation/secret-file.ts'

const storedCredentials = z.object({
  accountId: z.string().regex(/^[0-9a-f]{32}$/),
  apiToken: z.string().min(1),
})

export type LocalCloudCredentials = z.infer<typeof storedCredentials>

/** The local cloud's directory below DATA_DIR. */
export const localCloudDir = (dataDir: string): string => join(dataDir, 'local-cloud')

/**
 * The account id and token of the cloud in `dataDir`. The first call creates them and stores them in
 * `local-cloud/credentials.json` (mode 0600). A token from the environment overrides the stored one and is not stored.
 * @throws Error if the file does not contain credentials
 */
export function localCloudCredentials(dataDir: string, tokenFromEnv?: string): LocalCloudCredentials {
  const stored = readCredentials(join(localCloudDir(dataDir), 'credentials.json'))
  return tokenFromEnv ? { ...stored, apiToken: tokenFromEnv } : stored
}

function readCredentials(file: string): LocalCloudCredentials {
  const text = readOrCreate(file, () => `${JSON.stringify(makeCredentials())}\n`)
  try {
    return storedCredentials.parse(JSON.parse(text))
  } catch {
    // The parser's error is dropped: it may quote the content, which is secret.
    throw new Error(`local cloud: ${file} does not contain valid credentials; restore it or delete it`)
  }
}

const makeCredentials = (): LocalCloudCredentials => ({
  accountId: randomBytes(16).toString('hex'),
  apiToken: randomBytes(30).toString('base64url'),
})
