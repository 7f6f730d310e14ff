import { isSessionId } from './credentials.ts'

/**
 * The cookie names of an installation. Over HTTPS, session and browser cookies have the prefix `__Host-`: browsers
 * accept such a cookie only from this host, over TLS and for all paths, so no other host of the domain and no attacker
 * on the network can plant one.
 */
export interface Cookies {
  /** Served over HTTPS. */
  secure: boolean
  session: string
  /** Identifies a browser that has signed in before, also after signing out. It grants no access. */
  browser: string
}

export const cookiesOf = (publicUrl: string): Cookies => {
  const secure = publicUrl.startsWith('https:')
  const prefix = secure ? '__Host-' : ''
  return { secure, session: `${prefix}${plainSession}`, browser: `${prefix}${plainBrowser}` }
}

/** The names over plain HTTP, and those that earlier versions used over HTTPS. */
export const plainSession = 'capstan_session'
export const plainBrowser = 'capstan_browser'

/**
 * The CSRF cookie, read by scripts of our pages; axios, which Bull Board's page uses, supports only this name. Without
 * the prefix it can be planted, which gains nothing: the token must match the session.
 */
export const csrfCookie = 'XSRF-TOKEN'

/** The values of all cookies with this name, in the order of the header; our values need no decoding. */
export function cookieValues(header: string | undefined, name: string): string[] {
  const pairs = header?.split(';').map((each) => each.trim()) ?? []
  return pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1))
}

/** The session id in a request, and the cookie that contained it. */
export interface PresentedSession {
  id: string
  /** True for the cookie with the prefix `__Host-`. */
  hostCookie: boolean
}

/** The session in the cookies. Over HTTPS, a session of an earlier version still has a cookie without the prefix. */
export function sessionFromCookies(
  cookies: Cookies,
  header: string | undefined,
): PresentedSession | undefined {
  const [current] = cookieValues(header, cookies.session)
  const id = current ?? cookieValues(header, plainSession)[0]
  if (id === undefined || !isSessionId(id)) return undefined
  return { id, hostCookie: current !== undefined && cookies.secure }
}

/**
 * One `Set-Cookie` value. Without `maxAge` (seconds) the cookie lasts until the browser closes; the server decides when
 * a session really ends.
 */
export function cookieText(
  cookie: { name: string; value: string; httpOnly: boolean; maxAge?: number },
  secure: boolean,
): string {
  // Lax, not Strict: a link to the console in a chat or mail must work for a signed-in user. Unsafe methods need the
  // CSRF token in any case.
  const flags = ['Path=/', 'SameSite=Lax']
  if (cookie.httpOnly) flags.push('HttpOnly')
  if (secure) flags.push('Secure')
  const maxAge = cookie.value === '' ? 0 : cookie.maxAge
  if (maxAge !== undefined) flags.push(`Max-Age=${maxAge}`)
  return [`${cookie.name}=${cookie.value}`, ...flags].join('; ')
}
