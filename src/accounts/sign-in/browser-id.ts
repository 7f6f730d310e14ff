import { createHmac } from 'node:crypto'
import type { Secrets } from '../../platform/secrets.ts'
import { type Cookies, cookieText, cookieValues, plainBrowser } from '../credentials/cookies.ts'
import { newSessionId, sameText } from '../credentials/credentials.ts'

/** A browser is known for so long after its last sign-in, and so is an address. */
export const placeLifetimeSeconds = 180 * 24 * 60 * 60

/** More in one request are not from a browser that only we have given cookies. */
const maxBrowserIds = 4

interface BrowserIdContext {
  secrets: Secrets
  cookies: Cookies
}

export const newBrowserId = newSessionId

/**
 * The ids in the browser cookies of a request that we have signed. Over HTTPS a cookie of an earlier version counts, too:
 * an id is kept only where its user is known, so planting one gains nothing.
 */
export function browserIdsOf({ secrets, cookies }: BrowserIdContext, header: string | undefined): string[] {
  const names = new Set([cookies.browser, plainBrowser])
  return [...names]
    .flatMap((name) => cookieValues(header, name))
    .slice(0, maxBrowserIds)
    .flatMap((value) => signedId(secrets, value) ?? [])
}

/** The `Set-Cookie` value by which a browser keeps its id, which is signed so that nobody can make up ids. */
export function browserCookieOf({ secrets, cookies }: BrowserIdContext, id: string): string {
  const value = `${id}.${signature(secrets, id)}`
  const cookie = { name: cookies.browser, value, httpOnly: true, maxAge: placeLifetimeSeconds }
  return cookieText(cookie, cookies.secure)
}

function signedId(secrets: Secrets, value: string): string | undefined {
  const [id = '', given = '', ...rest] = value.split('.')
  return rest.length === 0 && given !== '' && sameText(given, signature(secrets, id)) ? id : undefined
}

const signature = (secrets: Secrets, id: string) =>
  createHmac('sha256', secrets.derive('browser')).update(id).digest('base64url')
