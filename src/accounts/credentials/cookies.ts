export const sessionCookie = 'capstan_session'
/** Read by scripts of our pages, and by axios without being told. */
export const csrfCookie = 'XSRF-TOKEN'
/** Tells a browser that has signed in before from all others, also after it has signed out. It lets nobody in. */
export const browserCookie = 'capstan_browser'

/** The first cookie of that name; our values need no decoding. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  const pair = header?.split(';').find((each) => each.trimStart().startsWith(`${name}=`))
  return pair?.slice(pair.indexOf('=') + 1).trim()
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
