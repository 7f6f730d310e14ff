/**
 * Returns the token to send. `refused` is a token that the API has just refused: then returns another one, or undefined
 * if there is none.
 */
export type TokenSource = (refused?: string) => string | undefined | Promise<string | undefined>

/**
 * The credential of a client: an API token or JWT, or the session of a browser that has signed in at `/login`.
 * A session's cookie is sent by the browser; other programs give it as `cookie` (`capstan_session=...`).
 */
export type Auth =
  | { token: string | TokenSource }
  | { session: true | { cookie?: string; csrfToken?: string | (() => string | undefined) } }

/** Adds the credential of one attempt to the headers, and the fetch option for cookies. */
export interface Credential {
  headers: Record<string, string>
  credentials?: NonNullable<RequestInit['credentials']>
  /** The token of this attempt, to ask for another one if it is refused. */
  token?: string
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/** @param refused the token that the previous attempt has sent in vain */
export async function credentialOf(
  auth: Auth | undefined,
  { method, url, refused }: { method: string; url: string; refused?: string },
): Promise<Credential | undefined> {
  if (auth === undefined) return refused === undefined ? { headers: {} } : undefined
  if ('session' in auth)
    return refused === undefined ? sessionCredential(auth.session, method, url) : undefined
  if (typeof auth.token === 'string' && refused !== undefined) return undefined
  const token = typeof auth.token === 'string' ? auth.token : await auth.token(refused)
  if (token === undefined) return refused === undefined ? { headers: {} } : undefined
  return { headers: { Authorization: `Bearer ${token}` }, token }
}

function sessionCredential(
  session: Extract<Auth, { session: unknown }>['session'],
  method: string,
  url: string,
): Credential {
  const { cookie, csrfToken } = session === true ? {} : session
  const given = typeof csrfToken === 'function' ? csrfToken() : csrfToken
  const csrf = safeMethods.has(method) ? undefined : (given ?? csrfTokenOf(cookie ?? pageCookies()))
  return {
    // The service's own pages are of one origin with it.
    credentials: url === '' || isOwnOrigin(url) ? 'same-origin' : 'include',
    headers: {
      ...(cookie === undefined ? {} : { Cookie: cookie }),
      ...(csrf === undefined ? {} : { 'X-CSRF-Token': csrf }),
    },
  }
}

interface Page {
  document?: { cookie?: string }
  location?: { origin?: string }
}

const pageCookies = () => (globalThis as Page).document?.cookie ?? ''
const isOwnOrigin = (url: string) => URL.parse(url)?.origin === (globalThis as Page).location?.origin

function csrfTokenOf(cookies: string): string | undefined {
  const pair = cookies.split(';').find((each) => each.trim().startsWith('XSRF-TOKEN='))
  return pair?.trim().slice('XSRF-TOKEN='.length)
}
