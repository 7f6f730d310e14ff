import type { Credentials } from '../../platform/auth.ts'
import type { AccountsContext } from '../context.ts'
import { AccountPrincipal, subjectOf } from '../principal.ts'
import { browserIdsOf } from '../sign-in/browser-id.ts'
import { sessionLifetimeMs } from '../sign-in/sign-in.ts'
import { knownOrigin, rememberPlaces } from '../sign-in/sign-in-places.ts'
import { findSessionWithUser, markPlaceRecorded, slideSession } from '../store/sessions.ts'
import type { User } from '../store/users.ts'
import type { ShownSession } from './cookies.ts'
import { isGood, type Look } from './credential-lookups.ts'
import { hashOf } from './credentials.ts'

/** A session's end is moved at most this often, not by every request. */
const slideEveryMs = 60_000

/** Looks up the session that a request shows. Moves its end, and records where its user is if nobody has yet. */
export function sessionLook(context: AccountsContext, shown: ShownSession, by: Credentials): Look {
  return async () => {
    const at = context.now()
    const found = await findSession(context, shown, at)
    if (found === undefined) return undefined
    const { user, idHash } = found
    const unseenMs = at.getTime() - found.lastSeenAt.getTime()
    // Seen in the future: recorded by a clock that was ahead.
    const isDue = unseenMs >= slideEveryMs || unseenMs < 0
    // Over HTTPS a session of an earlier version has a cookie that another host of the domain can plant: it ends soon.
    const mayLast = shown.hostCookie === context.cookies.secure
    const endsAt = isDue && mayLast ? new Date(at.getTime() + sessionLifetimeMs) : found.expiresAt
    if (endsAt !== found.expiresAt) await slideSession(context.db, idHash, { at, expiresAt: endsAt })
    if (!found.placeRecorded) await recordPlaceOf(context, found, by)
    return { principal: sessionPrincipal(context, shown, found), subjects: [subjectOf(user.id)], endsAt }
  }
}

const findSession = async (context: AccountsContext, shown: ShownSession, at: Date) => {
  const idHash = hashOf(shown.id)
  const found = await findSessionWithUser(context.db, { idHash, hostCookie: shown.hostCookie }, at)
  return found && { ...found, idHash }
}

function sessionPrincipal(
  context: AccountsContext,
  shown: ShownSession,
  { user, idHash }: { user: User; idHash: Buffer },
): AccountPrincipal {
  const again: Look = async () => {
    const found = await findSession(context, shown, context.now())
    if (found === undefined) return undefined
    const principal = sessionPrincipal(context, shown, found)
    return { principal, subjects: [subjectOf(found.user.id)], endsAt: found.expiresAt }
  }
  const check = () => isGood(context, nameOfSession(shown), again)
  return new AccountPrincipal(user, { kind: 'session', idHash }, check)
}

/** How a session is remembered: a session that is good by one cookie is not good by the other. */
export const nameOfSession = ({ id, hostCookie }: ShownSession) => `${hostCookie ? 'host' : 'plain'} ${id}`

/** A session of a version that knew no places. Once for each session, or a stolen one could displace all known places. */
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
