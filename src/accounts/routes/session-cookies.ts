import { cookieText, csrfCookie, sessionCookie } from '../service/cookies.ts'

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
