import type { Secrets } from '../../platform/secrets.ts'
import { browserCookie, cookieOf, cookieText, csrfCookie, sessionCookie } from '../credentials/cookies.ts'
import {
  newBrowserId,
  placeLifetimeSeconds,
  readBrowserId,
  signedBrowserId,
} from '../sign-in/sign-in-places.ts'

/** `Set-Cookie` values of a new session. */
export function sessionCookies(session: { id: string; csrfToken: string }, secure: boolean): string[] {
  return [
    cookieText({ name: sessionCookie, value: session.id, httpOnly: true }, secure),
    cookieText({ name: csrfCookie, value: session.csrfToken, httpOnly: false }, secure),
  ]
}

/** `Set-Cookie` values that remove them. */
export function clearedCookies(secure: boolean): string[] {
  return [
    cookieText({ name: sessionCookie, value: '', httpOnly: true }, secure),
    cookieText({ name: csrfCookie, value: '', httpOnly: false }, secure),
  ]
}

/** The id of the browser that sends this `Cookie` header; undefined when we have given it none. */
export const browserIdOf = (secrets: Secrets, cookies: string | undefined): string | undefined =>
  readBrowserId(secrets, cookieOf(cookies, browserCookie))

/** The id that this browser has, or a new one, with the `Set-Cookie` value by which it keeps it after a sign-in. */
export function keptBrowser(secrets: Secrets, cookies: string | undefined, secure: boolean) {
  const id = browserIdOf(secrets, cookies) ?? newBrowserId()
  const value = signedBrowserId(secrets, id)
  const cookie = { name: browserCookie, value, httpOnly: true, maxAge: placeLifetimeSeconds }
  return { id, cookie: cookieText(cookie, secure) }
}
