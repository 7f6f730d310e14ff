import { isSessionId } from './credentials.ts'

/**
 * The cookies of one installation. Over HTTPS the names of those that mean something by themselves begin with `__Host-`:
 * browsers take such a cookie from this very host only, over TLS and for all paths, so no other host of the domain and
 * nobody on the way can plant one.
 */
export interface Cookies {
  /** Served over HTTPS. */
  secure: boolean
  session: string
  /** Tells a browser that has signed in before from all others, also after it has signed out. It grants no access. */
  browser: string
}

export const cookiesOf = (publicUrl: string): Cookies => {
  const secure = publicUrl.startsWith('https:')
  const prefix = secure ? '__Host-' : ''
  return { secure, session: `${prefix}${plainSession}`, browser: `${prefix}${plainBrowser}` }
}

/** The names over plain HTTP, and those of earlier versions over HTTPS. */
export const plainSession = 'capstan_session'
export const plainBrowser = 'capstan_browser'

/**
 * Read by scripts of our pages; axios, which Bull Board's page uses, knows no other name. Without the prefix it can be
 * planted, which gains nothing: the token has to match the session.
 */
export const csrfCookie = 'XSRF-TOKEN'

/** The values of all cookies of that name, in the order of the header; our values need no decoding. */
export function cookieValues(header: string | undefined, name: string): string[] {
  const pairs = header?.split(';').map((each) => each.trim()) ?? []
  return pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1))
}

/** The session id that a request shows, and by which cookie. */
export interface ShownSession {
  id: string
  /** By the cookie with the prefix `__Host-`. */
  hostCookie: boolean
}

/** Over HTTPS a session of an earlier version still has a cookie without the prefix. */
export function shownSession(cookies: Cookies, header: string | undefined): ShownSession | undefined {
  const [named] = cookieValues(header, cookies.session)
  const id = named ?? cookieValues(header, plainSession)[0]
  if (id === undefined || !isSessionId(id)) return undefined
  return { id, hostCookie: named !== undefined && cookies.secure }
}

/** One `Set-Cookie` value. Without `maxAge` (seconds) it lives until the browser closes; a session's real end, sliding, is the server's. */
export function cookieText(
  cookie: { name: string; value: string; httpOnly: boolean; maxAge?: number },
  secure: boolean,
): string {
  // Lax, not Strict: a link to the console from a chat or a mail must find its reader signed in. Unsafe
  // methods need the CSRF token in any case.
  const flags = ['Path=/', 'SameSite=Lax']
  if (cookie.httpOnly) flags.push('HttpOnly')
  if (secure) flags.push('Secure')
  const maxAge = cookie.value === '' ? 0 : cookie.maxAge
  if (maxAge !== undefined) flags.push(`Max-Age=${maxAge}`)
  return [`${cookie.name}=${cookie.value}`, ...flags].join('; ')
}
