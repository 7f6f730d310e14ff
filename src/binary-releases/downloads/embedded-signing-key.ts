import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { readOrCreate } from '../../platform/installation/secret-file.ts'

/** The signing key of embedded mode in PEM, created once and stored in `DATA_DIR/release-signing.pem`. */
export const embeddedSigningKey = (dataDir: string): string =>
  readOrCreate(join(dataDir, 'release-signing.pem'), () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    return String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  })
