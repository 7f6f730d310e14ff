import { createHmac } from 'node:crypto'
import { network } from '../../platform/rate-limit/index.ts'
import type { Secrets } from '../../platform/secrets.ts'
import type { AccountsContext } from '../context.ts'
import { newSessionId, sameText } from '../credentials/credentials.ts'
import { findPlaces, type Place, recordPlaces } from '../store/sign-in-places.ts'

/** Where a sign-in comes from. */
export interface SignInOrigin {
  /** The client's address. */
  address: string
  /** The id of the browser, from a cookie that we have signed. */
  browserId: string | undefined
}

/** A browser is known for so long after its last sign-in, and so is an address. */
export const placeLifetimeSeconds = 180 * 24 * 60 * 60
/** Of each kind, for each user. */
const keptPlaces = 50

/**
 * The place from which this user has signed in before, the browser rather than the address: others can share an
 * address, nobody shares the cookie. Undefined for an unknown place, and, after the same query, without a user.
 */
export async function knownPlace(
  { db, secrets, now }: AccountsContext,
  user: { id: string } | undefined,
  origin: SignInOrigin,
): Promise<Place | undefined> {
  const places = placesOf(secrets, origin).map((each) => each.place)
  const found = await findPlaces(db, user?.id ?? nobody, { places, now: now() })
  return found.find((each) => each.kind === 'browser') ?? found[0]
}

const nobody = '00000000-0000-0000-0000-000000000000'

/** Records a successful sign-in. `user` is the row whose password was verified. */
export async function rememberPlaces(
  { db, secrets, now }: AccountsContext,
  user: { id: string; sessionEpoch: number },
  origin: SignInOrigin,
): Promise<void> {
  const at = now()
  const expiresAt = new Date(at.getTime() + placeLifetimeSeconds * 1000)
  await recordPlaces(db, user, { places: placesOf(secrets, origin), at, expiresAt, keep: keptPlaces })
}

function placesOf(secrets: Secrets, { address, browserId }: SignInOrigin): Place[] {
  const place = (kind: Place['kind'], name: string): Place => ({
    kind,
    place: secrets.fingerprint(`sign-in ${kind} ${name}`),
  })
  const here = place('address', network(address))
  return browserId === undefined ? [here] : [here, place('browser', browserId)]
}

export const newBrowserId = newSessionId

/** The cookie's value: the id and our signature, so that nobody can plant an id of their own choice. */
export const signedBrowserId = (secrets: Secrets, id: string): string => `${id}.${signature(secrets, id)}`

/** The id in a cookie's value; undefined when there is none or its signature is not ours. */
export function readBrowserId(secrets: Secrets, value: string | undefined): string | undefined {
  const [id = '', given = '', ...rest] = value?.split('.') ?? []
  return rest.length === 0 && given !== '' && sameText(given, signature(secrets, id)) ? id : undefined
}

const signature = (secrets: Secrets, id: string) =>
  createHmac('sha256', secrets.derive('browser')).update(id).digest('base64url')
