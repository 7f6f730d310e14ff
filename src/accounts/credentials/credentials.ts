import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Secrets } from '../../platform/secrets.ts'

const tokenShape = /^ora_[A-Za-z0-9_-]{43}$/
const sessionShape = /^[A-Za-z0-9_-]{43}$/

/** The random part of tokens and session cookies: 256 bits in 43 characters. */
const randomText = () => randomBytes(32).toString('base64url')

/**
 * The stored hash of a token or session id. A fast hash suffices, because 256 random bits cannot be guessed.
 */
export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()

export const newApiToken = (): string => `ora_${randomText()}`
export const isApiToken = (text: string): boolean => tokenShape.test(text)
export const newSessionId = (): string => randomText()
export const isSessionId = (text: string): boolean => sessionShape.test(text)

/** The CSRF token of a session, which proves that the sender can read our cookies. It is derived, not stored. */
export function csrfTokenOf(secrets: Secrets, sessionId: string): string {
  return createHmac('sha256', secrets.derive('csrf')).update(sessionId).digest('base64url')
}

/** Compares two texts in constant time, so the duration does not reveal where they differ. */
export function sameText(a: string, b: string): boolean {
  return timingSafeEqual(hashOf(a), hashOf(b))
}
