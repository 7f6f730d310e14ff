import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** Encrypts small secrets for storage, and derives further keys from `SECRET_KEY`. */
export interface Secrets {
  /**
   * Encrypts with AES-256-GCM; `context` (e.g. the row's id) is authenticated, so a value cannot be moved to another
   * row.
   */
  seal(plain: string, context: string): string
  /** @throws Error if the key is unknown, or if the text or the context was changed */
  open(sealed: string, context: string): string
  /** True if the value is sealed with the current key. After a rotation other values are sealed again. */
  isCurrent(sealed: string): boolean
  /** A keyed fingerprint: equal for equal secrets, and not guessable offline without the key. */
  fingerprint(plain: string): string
  /** A 32-byte key for one purpose, e.g. the signature of session tokens. */
  derive(purpose: string): Uint8Array
}

/** Also passed when opening: otherwise a tag shortened to four bytes, which can be guessed, would be accepted. */
const authTagLength = 16
const purposes = { seal: 'capstan/seal', fingerprint: 'capstan/fingerprint' }

/**
 * @param secretKey seals and opens
 * @param previous keys that only open, for a rotation without downtime
 *
 * Format: `v1.<key id>.<iv>.<tag>.<ciphertext>`, base64url; the key id is 8 hex digits of the derived key's hash.
 */
export function createSecrets(secretKey: string, previous: string[] = []): Secrets {
  const current = sealingKey(secretKey)
  const keys = new Map([current, ...previous.map(sealingKey)].map((key) => [key.id, key.bytes]))
  return {
    seal(plain, context) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', current.bytes, iv, { authTagLength }).setAAD(
        Buffer.from(context),
      )
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return [
        'v1',
        current.id,
        ...[iv, cipher.getAuthTag(), body].map((part) => part.toString('base64url')),
      ].join('.')
    },
    open(sealed, context) {
      const [version, id = '', iv = '', tag = '', body = ''] = sealed.split('.')
      const key = keys.get(id)
      if (version !== 'v1' || key === undefined) throw new Error('sealed with a key that is not configured')
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'), { authTagLength })
      decipher.setAAD(Buffer.from(context)).setAuthTag(Buffer.from(tag, 'base64url'))
      return Buffer.concat([decipher.update(Buffer.from(body, 'base64url')), decipher.final()]).toString(
        'utf8',
      )
    },
    isCurrent: (sealed) => sealed.split('.')[1] === current.id,
    fingerprint: (plain) =>
      createHmac('sha256', deriveKey(secretKey, purposes.fingerprint)).update(plain).digest('hex'),
    derive: (purpose) => deriveKey(secretKey, purpose),
  }
}

function sealingKey(secretKey: string) {
  const bytes = deriveKey(secretKey, purposes.seal)
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 8), bytes }
}

function deriveKey(secretKey: string, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secretKey, '', purpose, 32))
}
