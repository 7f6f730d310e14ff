import { CodedError } from '../../platform/errors.ts'
import type { AccountsContext } from '../context.ts'
import { AccountPrincipal, subjectOf } from '../principal.ts'
import { findTokenWithUser } from '../store/api-tokens.ts'
import { findJwtUser } from '../store/sessions.ts'
import { hashOf } from './credentials.ts'
import type { Known } from './principal-cache.ts'

/** Asks the database who is behind one credential now; undefined for nobody. */
export type Look = () => Promise<Known | undefined>

export function tokenLook(context: AccountsContext, token: string): Look {
  const look: Look = async () => {
    const tokenHash = hashOf(token)
    const found = await findTokenWithUser(context.db, tokenHash, context.now())
    if (found === undefined) return undefined
    const { user, tokenId, scopes, expiresAt } = found
    const credential = { kind: 'api-token', tokenId, scopes, expiresAt } as const
    const principal = new AccountPrincipal(user, credential, () => isGood(context, token, look))
    return { principal, subjects: [subjectOf(user.id)], endsAt: expiresAt }
  }
  return look
}

/** @returns a look that rejects with ACCESS_002 when the signature or the claims are not good. */
export function jwtLook(context: AccountsContext, text: string): Look {
  const look: Look = async () => {
    const jwt = await context.jwts.verify(text)
    const user = await findJwtUser(context.db, jwt)
    if (user === undefined) return undefined
    const credential = { kind: 'jwt', jti: jwt.jti, expiresAt: jwt.expiresAt } as const
    const principal = new AccountPrincipal(user, credential, () => isGood(context, text, look))
    return { principal, subjects: [subjectOf(user.id), `jwt:${jwt.jti}`], endsAt: jwt.expiresAt }
  }
  return look
}

/** Through the memory, so that ten thousand open streams of one token are not ten thousand queries. */
export async function isGood(context: AccountsContext, credential: string, look: Look): Promise<boolean> {
  try {
    return (await context.principals.find(credential, look)) !== undefined
  } catch (error) {
    if (error instanceof CodedError && error.status === 401) return false
    throw error
  }
}
