import { CodedError } from '../../platform/errors.ts'
import type { AccountsContext } from '../context.ts'
import { AccountPrincipal, subjectOf } from '../principal.ts'
import { sessionLifetimeMs } from '../sign-in/sign-in.ts'
import { findTokenWithUser } from '../store/api-tokens.ts'
import { findJwtUser, findSessionWithUser, slideSession } from '../store/sessions.ts'
import { hashOf } from './credentials.ts'
import type { Known } from './principal-cache.ts'

/** Asks the database who is behind one credential now; undefined for nobody. */
export type Look = () => Promise<Known | undefined>

/** A session's end is moved at most this often, not by every request. */
const slideEveryMs = 60_000

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

/** @param slide true for a request, which moves the session's end; an open stream's own check does not */
export function sessionLook(context: AccountsContext, sessionId: string, slide: boolean): Look {
  return async () => {
    const idHash = hashOf(sessionId)
    const at = context.now()
    const found = await findSessionWithUser(context.db, idHash, at)
    if (found === undefined) return undefined
    let endsAt = found.expiresAt
    const unseenMs = at.getTime() - found.lastSeenAt.getTime()
    // Seen in the future: recorded by a clock that was ahead.
    if (slide && (unseenMs >= slideEveryMs || unseenMs < 0)) {
      endsAt = new Date(at.getTime() + sessionLifetimeMs)
      await slideSession(context.db, idHash, { at, expiresAt: endsAt })
    }
    const check = () => isGood(context, sessionId, sessionLook(context, sessionId, false))
    const principal = new AccountPrincipal(found.user, { kind: 'session', idHash }, check)
    return { principal, subjects: [subjectOf(found.user.id)], endsAt }
  }
}

/** Through the memory, so that ten thousand open streams of one token are not ten thousand queries. */
async function isGood(context: AccountsContext, credential: string, look: Look): Promise<boolean> {
  try {
    return (await context.principals.find(credential, look)) !== undefined
  } catch (error) {
    if (error instanceof CodedError && error.status === 401) return false
    throw error
  }
}
