import { type Cookies, cookieText, csrfCookie, plainSession } from '../credentials/cookies.ts'

/** `Set-Cookie` values of a new session. */
export function sessionCookies(cookies: Cookies, session: { id: string; csrfToken: string }): string[] {
  return [
    cookieText({ name: cookies.session, value: session.id, httpOnly: true }, cookies.secure),
    cookieText({ name: csrfCookie, value: session.csrfToken, httpOnly: false }, cookies.secure),
  ]
}

/** `Set-Cookie` values that remove a session's cookies from the browser, including those of earlier versions. */
export function clearedCookies(cookies: Cookies): string[] {
  const names = new Set([cookies.session, csrfCookie, plainSession])
  return [...names].map((name) => cookieText({ name, value: '', httpOnly: true }, cookies.secure))
}
