import { CodedError } from '../../platform/errors.ts'
import type { AccountsContext } from '../context.ts'
import { AccountPrincipal, subjectOf } from '../principal.ts'
import { findTokenWithUser } from '../store/api-tokens.ts'
import { findJwtUser } from '../store/sessions.ts'
import { hashOf } from './credentials.ts'
import type { CachedPrincipal } from './principal-cache.ts'

/** Looks up the current principal of one credential in the database; undefined if the credential is not valid. */
export type CredentialLookup = () => Promise<CachedPrincipal | undefined>

export function lookUpApiToken(context: AccountsContext, token: string): CredentialLookup {
  const lookup: CredentialLookup = async () => {
    const tokenHash = hashOf(token)
    const found = await findTokenWithUser(context.db, tokenHash, context.now())
    if (found === undefined) return undefined
    const { user, tokenId, scopes, expiresAt } = found
    const credential = { kind: 'api-token', tokenId, scopes, expiresAt } as const
    const principal = new AccountPrincipal(user, credential, () => isValid(context, token, lookup))
    return { principal, subjects: [subjectOf(user.id)], endsAt: expiresAt }
  }
  return lookup
}

/** @returns a lookup that rejects with ACCESS_002 if the signature or the claims are not valid */
export function lookUpJwt(context: AccountsContext, text: string): CredentialLookup {
  const lookup: CredentialLookup = async () => {
    const jwt = await context.jwts.verify(text)
    const user = await findJwtUser(context.db, jwt)
    if (user === undefined) return undefined
    const credential = { kind: 'jwt', jti: jwt.jti, expiresAt: jwt.expiresAt } as const
    const principal = new AccountPrincipal(user, credential, () => isValid(context, text, lookup))
    return { principal, subjects: [subjectOf(user.id), `jwt:${jwt.jti}`], endsAt: jwt.expiresAt }
  }
  return lookup
}

/** True if the credential is still valid. Uses the cache, so 10,000 open streams of one token share their queries. */
export async function isValid(
  context: AccountsContext,
  credential: string,
  lookup: CredentialLookup,
): Promise<boolean> {
  try {
    return (await context.principals.find(credential, lookup)) !== undefined
  } catch (error) {
    if (error instanceof CodedError && error.status === 401) return false
    throw error
  }
}
