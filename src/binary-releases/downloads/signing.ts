import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import type { Signature } from '../catalogue/metadata.ts'

export interface SigningKey {
  id: string
  /** The public key in PEM, for verification. */
  publicKey: string
  sign(text: string): Signature
}

/** @param pem an Ed25519 private key. */
export function createSigningKey(pem: string): SigningKey {
  const key = createPrivateKey(pem)
  const publicKey = createPublicKey(key)
  const id = keyIdOf(publicKey)
  return {
    id,
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (text) => ({
      key_id: id,
      algorithm: 'Ed25519',
      signature: sign(null, Buffer.from(text), key).toString('base64'),
    }),
  }
}

/** The key id: 16 hexadecimal digits of the SHA-256 of the public key (`openssl pkey -pubin -outform DER`). */
export function keyIdOf(publicKey: KeyObject | string): string {
  const key = typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16)
}

/** True if the key signed the text; false for a key that is not Ed25519. */
export function isSignedBy(
  publicKey: string,
  text: string,
  signature: Pick<Signature, 'signature'>,
): boolean {
  const key = createPublicKey(publicKey)
  if (key.asymmetricKeyType !== 'ed25519') return false
  return verify(null, Buffer.from(text), key, Buffer.from(signature.signature, 'base64'))
}
