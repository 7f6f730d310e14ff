import { createHmac } from 'node:crypto'
import type { Secrets } from '../../platform/secrets.ts'
import { type Cookies, cookieText, cookieValues, plainBrowser } from '../credentials/cookies.ts'
import { newSessionId, sameText } from '../credentials/credentials.ts'

/** How long a browser or address is remembered after its last sign-in. */
export const placeLifetimeSeconds = 180 * 24 * 60 * 60

/** Maximum ids read from one request; a browser with only our cookies sends fewer. */
const maxBrowserIds = 4

interface BrowserIdContext {
  secrets: Secrets
  cookies: Cookies
}

export const newBrowserId = newSessionId

/**
 * The browser ids with a valid signature in the cookies of a request. Over HTTPS, the cookie of an earlier version is
 * accepted too: an id counts only for the user who signed in with it, so planting one gains nothing.
 */
export function browserIdsOf({ secrets, cookies }: BrowserIdContext, header: string | undefined): string[] {
  const names = new Set([cookies.browser, plainBrowser])
  return [...names]
    .flatMap((name) => cookieValues(header, name))
    .slice(0, maxBrowserIds)
    .flatMap((value) => signedId(secrets, value) ?? [])
}

/** The `Set-Cookie` value for a browser's id, signed so that ids cannot be invented. */
export function browserCookieOf({ secrets, cookies }: BrowserIdContext, id: string): string {
  const value = `${id}.${signature(secrets, id)}`
  const cookie = { name: cookies.browser, value, httpOnly: true, maxAge: placeLifetimeSeconds }
  return cookieText(cookie, cookies.secure)
}

function signedId(secrets: Secrets, value: string): string | undefined {
  const [id = '', received = '', ...rest] = value.split('.')
  return rest.length === 0 && received !== '' && sameText(received, signature(secrets, id)) ? id : undefined
}

const signature = (secrets: Secrets, id: string) =>
  createHmac('sha256', secrets.derive('browser')).update(id).digest('base64url')
