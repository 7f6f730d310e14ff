import type { Credentials, Principal } from '../../platform/auth.ts'
import { CodedError } from '../../platform/errors.ts'
import { AccountPrincipal } from '../principal.ts'
import { findTokenWithUser } from '../store/api-tokens.ts'
import { findJwtUser, findSessionWithUser, slideSession } from '../store/sessions.ts'
import type { AccountsContext } from './context.ts'
import { cookieOf, sessionCookie } from './cookies.ts'
import { csrfTokenOf, hashOf, isApiToken, isSessionId, sameText } from './credentials.ts'
import type { SessionJwt } from './jwt.ts'
import { sessionLifetimeMs } from './sign-in.ts'

/** A session's end is moved at most this often, not by every request. */
const slideEveryMs = 60_000

/**
 * Who sends this request. A Bearer that is not good is an error, and never falls back to a cookie. A cookie
 * of a session that is over counts as none: it must not keep anybody from the sign-in page.
 * @throws ACCESS_002 for a bad Bearer, ACCESS_003 for an unsafe request with a session but without its CSRF
 * token.
 */
export async function authenticate(
  context: AccountsContext,
  credentials: Credentials,
): Promise<Principal | undefined> {
  const bearer = /^bearer(?: +(.*))?$/i.exec(credentials.headers.authorization?.trim() ?? '')
  if (bearer !== null) return byBearer(context, bearer[1] ?? '')
  const sessionId = cookieOf(credentials.headers.cookie, sessionCookie)
  if (sessionId === undefined || !isSessionId(sessionId)) return undefined
  const principal = await bySession(context, sessionId)
  if (principal !== undefined && isUnsafe(credentials.method))
    requireCsrfToken(context, sessionId, credentials)
  return principal
}

async function byBearer(context: AccountsContext, bearer: string): Promise<Principal> {
  if (bearer.startsWith('ora_')) {
    const principal = isApiToken(bearer) ? await byToken(context, hashOf(bearer)) : undefined
    if (principal === undefined) throw new CodedError('ACCESS_002', 'Invalid or expired API token')
    context.tokenUse.note(principal.tokenId, context.now())
    return principal.account
  }
  if (bearer.split('.').length !== 3) throw new CodedError('ACCESS_002', 'The token is not valid')
  const principal = await byJwt(context, await context.jwts.verify(bearer))
  if (principal === undefined) throw new CodedError('ACCESS_002', 'The token was revoked')
  return principal
}

async function byToken(context: AccountsContext, tokenHash: Buffer) {
  const found = await findTokenWithUser(context.db, tokenHash, context.now())
  if (found === undefined) return undefined
  const { user, tokenId, scopes, expiresAt } = found
  const stillValid = async () => (await findTokenWithUser(context.db, tokenHash, context.now())) !== undefined
  const credential = { kind: 'api-token', tokenId, scopes, expiresAt } as const
  return { tokenId, account: new AccountPrincipal(user, credential, stillValid) }
}

async function byJwt(context: AccountsContext, jwt: SessionJwt): Promise<Principal | undefined> {
  const user = await findJwtUser(context.db, jwt)
  if (user === undefined) return undefined
  const stillValid = async () =>
    jwt.expiresAt > context.now() && (await findJwtUser(context.db, jwt)) !== undefined
  return new AccountPrincipal(user, { kind: 'jwt', jti: jwt.jti, expiresAt: jwt.expiresAt }, stillValid)
}

async function bySession(context: AccountsContext, sessionId: string): Promise<Principal | undefined> {
  const { db, now } = context
  const idHash = hashOf(sessionId)
  const at = now()
  const found = await findSessionWithUser(db, idHash, at)
  if (found === undefined) return undefined
  if (at.getTime() - found.lastSeenAt.getTime() >= slideEveryMs) {
    await slideSession(db, idHash, { at, expiresAt: new Date(at.getTime() + sessionLifetimeMs) })
  }
  const stillValid = async () => (await findSessionWithUser(db, idHash, now())) !== undefined
  return new AccountPrincipal(found.user, { kind: 'session', idHash }, stillValid)
}

const isUnsafe = (method: string) => !['GET', 'HEAD', 'OPTIONS'].includes(method.toUpperCase())

function requireCsrfToken(context: AccountsContext, sessionId: string, { headers }: Credentials): void {
  // X-XSRF-TOKEN is what axios, and so Bull Board's page, sends by itself from the cookie of that name.
  const given = headers['x-csrf-token'] ?? headers['x-xsrf-token']
  if (typeof given === 'string' && sameText(given, csrfTokenOf(context.secrets, sessionId))) return
  throw new CodedError('ACCESS_003', 'The CSRF token is missing or wrong', {
    suggestedAction: 'Send the XSRF-TOKEN cookie as X-CSRF-Token, or reload the page',
  })
}
