import type { Credentials, Principal } from '../../platform/auth.ts'
import { badCredential, CodedError, forbidden } from '../../platform/errors.ts'
import type { AccountsContext } from '../context.ts'
import type { AccountPrincipal } from '../principal.ts'
import { sessionFromCookies } from './cookies.ts'
import { type CredentialLookup, lookUpApiToken, lookUpJwt } from './credential-lookups.ts'
import { csrfTokenOf, isApiToken, sameText } from './credentials.ts'
import { lookUpSession, nameOfSession } from './session-lookup.ts'

/**
 * Authenticates a request. An invalid Bearer is an error and never falls back to a cookie. The cookie of an ended
 * session is ignored, because it must not block the sign-in page.
 * @throws ACCESS_002 for an invalid Bearer, ACCESS_003 for an unsafe request with a session but without its CSRF token,
 * SYS_003 for an unknown credential from an address that has sent too many bad ones
 */
export function authenticate(
  context: AccountsContext,
  credentials: Credentials,
): Principal | undefined | Promise<Principal | undefined> {
  return fromCache(context, credentials) ?? fromCredentials(context, credentials)
}

/** The principal of a Bearer validated within the last second, which covers most requests of a busy client. */
function fromCache(context: AccountsContext, { headers }: Credentials): Principal | undefined {
  const { authorization } = headers
  if (authorization?.startsWith('Bearer ') !== true) return undefined
  const principal = context.principals.recall(authorization.slice('Bearer '.length))
  // Sessions share the cache but are not accepted as a Bearer.
  if (principal === undefined || principal.kind === 'session') return undefined
  noteUse(context, principal)
  return principal
}

function noteUse(context: AccountsContext, { credential }: AccountPrincipal): void {
  if (credential.kind === 'api-token') context.tokenUse.note(credential.tokenId, context.now())
}

async function fromCredentials(
  context: AccountsContext,
  credentials: Credentials,
): Promise<Principal | undefined> {
  const bearer = /^bearer(?: +(.*))?$/i.exec(credentials.headers.authorization?.trim() ?? '')
  if (bearer !== null) return byBearer(context, bearer[1] ?? '', credentials)
  const session = sessionFromCookies(context.cookies, credentials.headers.cookie)
  if (session === undefined) return undefined
  const presented = { credential: nameOfSession(session), request: credentials }
  const principal = await find(context, presented, lookUpSession(context, session, credentials))
  if (principal !== undefined && isUnsafe(credentials.method))
    requireCsrfToken(context, session.id, credentials)
  return principal
}

async function byBearer(context: AccountsContext, bearer: string, request: Credentials): Promise<Principal> {
  const findBy = (lookup: CredentialLookup) => find(context, { credential: bearer, request }, lookup)
  if (bearer.startsWith('ora_')) {
    const principal = isApiToken(bearer) ? await findBy(lookUpApiToken(context, bearer)) : undefined
    if (principal?.credential.kind !== 'api-token') {
      throw badCredential('Invalid or expired API token')
    }
    noteUse(context, principal)
    return principal
  }
  if (bearer.split('.').length !== 3) throw badCredential('The token is not valid')
  const principal = await findBy(lookUpJwt(context, bearer))
  if (principal === undefined) throw badCredential('The token was revoked')
  return principal
}

/**
 * Finds the principal of a credential. Only a lookup, not a cached result, is limited by the address's bad credentials.
 */
async function find(
  { principals, badCredentials }: AccountsContext,
  presented: { credential: string; request: Credentials },
  lookup: CredentialLookup,
): Promise<AccountPrincipal | undefined> {
  const { credential, request } = presented
  const limited: CredentialLookup = async () => {
    badCredentials.check(credential, request.address)
    const found = await lookup()
    if (found !== undefined) badCredentials.recordGood(credential)
    return found
  }
  try {
    const principal = await principals.find(credential, limited)
    if (principal === undefined) badCredentials.recordBad(credential, request.address)
    return principal
  } catch (error) {
    if (error instanceof CodedError && error.code === 'ACCESS_002')
      badCredentials.recordBad(credential, request.address)
    throw error
  }
}

const isUnsafe = (method: string) => !['GET', 'HEAD', 'OPTIONS'].includes(method.toUpperCase())

function requireCsrfToken(context: AccountsContext, sessionId: string, { headers }: Credentials): void {
  // axios, and so Bull Board's page, sends X-XSRF-TOKEN automatically from the cookie of that name.
  const token = headers['x-csrf-token'] ?? headers['x-xsrf-token']
  if (typeof token === 'string' && sameText(token, csrfTokenOf(context.secrets, sessionId))) return
  throw forbidden('The CSRF token is missing or wrong', {
    suggestedAction: 'Send the XSRF-TOKEN cookie as X-CSRF-Token, or reload the page',
  })
}
