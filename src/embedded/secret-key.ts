import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readOrCreate } from '../platform/installation/secret-file.ts'

/** The generated secret key, which is stored in `DATA_DIR/secret.key`. */
export const embeddedSecretKey = (dataDir: string): string =>
  readOrCreate(join(dataDir, 'secret.key'), () => randomBytes(32).toString('base64url')).trim()
