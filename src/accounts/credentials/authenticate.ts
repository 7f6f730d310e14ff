import type { Credentials, Principal } from '../../platform/auth.ts'
import { badCredential, CodedError, forbidden } from '../../platform/errors.ts'
import type { AccountsContext } from '../context.ts'
import type { AccountPrincipal } from '../principal.ts'
import { shownSession } from './cookies.ts'
import { jwtLook, type Look, tokenLook } from './credential-lookups.ts'
import { csrfTokenOf, isApiToken, sameText } from './credentials.ts'
import { nameOfSession, sessionLook } from './session-lookup.ts'

/**
 * Who sends this request. A Bearer that is not good is an error, and never falls back to a cookie. A cookie
 * of a session that is over counts as none: it must not keep anybody from the sign-in page.
 * @throws ACCESS_002 for a bad Bearer, ACCESS_003 for an unsafe request with a session but without its CSRF
 * token, SYS_003 for an unknown credential from an address that has sent too many bad ones.
 */
export function authenticate(
  context: AccountsContext,
  credentials: Credentials,
): Principal | undefined | Promise<Principal | undefined> {
  return remembered(context, credentials) ?? look(context, credentials)
}

/** Who sends a Bearer that was good within the last second: the way of nearly all requests of a busy client. */
function remembered(context: AccountsContext, { headers }: Credentials): Principal | undefined {
  const { authorization } = headers
  if (authorization?.startsWith('Bearer ') !== true) return undefined
  const principal = context.principals.recall(authorization.slice('Bearer '.length))
  // Sessions are remembered beside them, and are no Bearer.
  if (principal === undefined || principal.kind === 'session') return undefined
  noteUse(context, principal)
  return principal
}

function noteUse(context: AccountsContext, { credential }: AccountPrincipal): void {
  if (credential.kind === 'api-token') context.tokenUse.note(credential.tokenId, context.now())
}

async function look(context: AccountsContext, credentials: Credentials): Promise<Principal | undefined> {
  const bearer = /^bearer(?: +(.*))?$/i.exec(credentials.headers.authorization?.trim() ?? '')
  if (bearer !== null) return byBearer(context, bearer[1] ?? '', credentials)
  const session = shownSession(context.cookies, credentials.headers.cookie)
  if (session === undefined) return undefined
  const shown = { credential: nameOfSession(session), by: credentials }
  const principal = await find(context, shown, sessionLook(context, session, credentials))
  if (principal !== undefined && isUnsafe(credentials.method))
    requireCsrfToken(context, session.id, credentials)
  return principal
}

async function byBearer(context: AccountsContext, bearer: string, by: Credentials): Promise<Principal> {
  const from = (look: Look) => find(context, { credential: bearer, by }, look)
  if (bearer.startsWith('ora_')) {
    const principal = isApiToken(bearer) ? await from(tokenLook(context, bearer)) : undefined
    if (principal?.credential.kind !== 'api-token') {
      throw badCredential('Invalid or expired API token')
    }
    noteUse(context, principal)
    return principal
  }
  if (bearer.split('.').length !== 3) throw badCredential('The token is not valid')
  const principal = await from(jwtLook(context, bearer))
  if (principal === undefined) throw badCredential('The token was revoked')
  return principal
}

/** What is remembered costs nothing; only a look counts the address's bad credentials. */
async function find(
  { principals, guesses }: AccountsContext,
  shown: { credential: string; by: Credentials },
  look: Look,
): Promise<AccountPrincipal | undefined> {
  const { credential, by } = shown
  const guarded: Look = async () => {
    guesses.check(credential, by.address)
    const known = await look()
    if (known !== undefined) guesses.good(credential)
    return known
  }
  try {
    const principal = await principals.find(credential, guarded)
    if (principal === undefined) guesses.bad(credential, by.address)
    return principal
  } catch (error) {
    if (error instanceof CodedError && error.code === 'ACCESS_002') guesses.bad(credential, by.address)
    throw error
  }
}

const isUnsafe = (method: string) => !['GET', 'HEAD', 'OPTIONS'].includes(method.toUpperCase())

function requireCsrfToken(context: AccountsContext, sessionId: string, { headers }: Credentials): void {
  // X-XSRF-TOKEN is what axios, and so Bull Board's page, sends by itself from the cookie of that name.
  const given = headers['x-csrf-token'] ?? headers['x-xsrf-token']
  if (typeof given === 'string' && sameText(given, csrfTokenOf(context.secrets, sessionId))) return
  throw forbidden('The CSRF token is missing or wrong', {
    suggestedAction: 'Send the XSRF-TOKEN cookie as X-CSRF-Token, or reload the page',
  })
}
