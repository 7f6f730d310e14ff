import type { Credentials } from '../../platform/auth.ts'
import type { AccountsContext } from '../context.ts'
import { AccountPrincipal, subjectOf } from '../principal.ts'
import { browserIdsOf } from '../sign-in/browser-id.ts'
import { sessionLifetimeMs } from '../sign-in/sign-in.ts'
import { knownOrigin, rememberPlaces } from '../sign-in/sign-in-places.ts'
import { findSessionWithUser, markPlaceRecorded, slideSession } from '../store/sessions.ts'
import type { User } from '../store/users.ts'
import type { PresentedSession } from './cookies.ts'
import { type CredentialLookup, isValid } from './credential-lookups.ts'
import { hashOf } from './credentials.ts'

/** Minimum time between two extensions of a session. */
const slideIntervalMs = 60_000

/** Looks up the session of a request, extends it, and records its place if that was not recorded yet. */
export function lookUpSession(
  context: AccountsContext,
  session: PresentedSession,
  request: Credentials,
): CredentialLookup {
  return async () => {
    const at = context.now()
    const found = await findSession(context, session, at)
    if (found === undefined) return undefined
    const { user, idHash } = found
    const unseenMs = at.getTime() - found.lastSeenAt.getTime()
    // A time in the future was recorded by a clock that was ahead.
    const isDue = unseenMs >= slideIntervalMs || unseenMs < 0
    // Over HTTPS, the cookie of an earlier version's session can be planted by another host: it is not extended.
    const isExtendable = session.hostCookie === context.cookies.secure
    const endsAt = isDue && isExtendable ? new Date(at.getTime() + sessionLifetimeMs) : found.expiresAt
    if (endsAt !== found.expiresAt) await slideSession(context.db, idHash, { at, expiresAt: endsAt })
    if (!found.placeRecorded) await recordPlaceOf(context, found, request)
    return { principal: sessionPrincipal(context, session, found), subjects: [subjectOf(user.id)], endsAt }
  }
}

const findSession = async (context: AccountsContext, session: PresentedSession, at: Date) => {
  const idHash = hashOf(session.id)
  const found = await findSessionWithUser(context.db, { idHash, hostCookie: session.hostCookie }, at)
  return found && { ...found, idHash }
}

function sessionPrincipal(
  context: AccountsContext,
  session: PresentedSession,
  { user, idHash }: { user: User; idHash: Buffer },
): AccountPrincipal {
  const lookup: CredentialLookup = async () => {
    const found = await findSession(context, session, context.now())
    if (found === undefined) return undefined
    const principal = sessionPrincipal(context, session, found)
    return { principal, subjects: [subjectOf(found.user.id)], endsAt: found.expiresAt }
  }
  const check = () => isValid(context, nameOfSession(session), lookup)
  return new AccountPrincipal(user, { kind: 'session', idHash }, check)
}

/** The session's key in the cache. It includes the kind of cookie, because a session is valid with only one of them. */
export const nameOfSession = ({ id, hostCookie }: PresentedSession) =>
  `${hostCookie ? 'host' : 'plain'} ${id}`

/**
 * Records the place of a session opened before places were recorded: once, so a stolen one cannot displace all places.
 */
async function recordPlaceOf(
  context: AccountsContext,
  { user, idHash }: { user: User; idHash: Buffer },
  { headers, address }: Credentials,
): Promise<void> {
  const origin = { address, browserIds: browserIdsOf(context, headers.cookie) }
  const { browserId } = await knownOrigin(context, user, origin)
  await rememberPlaces(context, user, { address, browserId })
  await markPlaceRecorded(context.db, idHash)
}
