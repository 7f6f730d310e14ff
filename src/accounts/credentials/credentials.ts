import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Secrets } from '../../platform/secrets.ts'

const tokenShape = /^ora_[A-Za-z0-9_-]{43}$/
const sessionShape = /^[A-Za-z0-9_-]{43}$/

/** 256 random bits, 43 characters: what tokens and session cookies are made of. */
const randomText = () => randomBytes(32).toString('base64url')

/**
 * What is stored of a token or session id. A fast hash will do: there is nothing to guess in 256 random
 * bits.
 */
export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()

export const newApiToken = (): string => `ora_${randomText()}`
export const isApiToken = (text: string): boolean => tokenShape.test(text)
export const newSessionId = (): string => randomText()
export const isSessionId = (text: string): boolean => sessionShape.test(text)

/** Proof that a request's sender can read our cookies; bound to one session, and stored nowhere. */
export function csrfTokenOf(secrets: Secrets, sessionId: string): string {
  return createHmac('sha256', secrets.derive('csrf')).update(sessionId).digest('base64url')
}

/** Compares in a time that says nothing about where two texts differ. */
export function sameText(a: string, b: string): boolean {
  return timingSafeEqual(hashOf(a), hashOf(b))
}
