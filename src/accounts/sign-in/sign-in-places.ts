import { network } from '../../platform/rate-limit/index.ts'
import type { Secrets } from '../../platform/secrets.ts'
import type { AccountsContext } from '../context.ts'
import { findPlaces, type Place, recordPlaces } from '../store/sign-in-places.ts'
import { placeLifetimeSeconds } from './browser-id.ts'

/** Where a sign-in comes from. */
export interface SignInOrigin {
  /** The client's address. */
  address: string
  /** The ids in the browser's cookies that we have signed; several where somebody has planted one beside the browser's own. */
  browserIds: readonly string[]
}

/** Of each kind, for each user. */
const keptPlaces = 50

/** What is known of an origin for one user. */
export interface KnownOrigin {
  /** The place whose limit counts: the browser rather than the address, which other people can share. */
  place: string | undefined
  /** The browser's id at which this user has signed in before. An id that is known for other users only is not one. */
  browserId: string | undefined
}

/** The same query without a user. */
export async function knownOrigin(
  { db, secrets }: Pick<AccountsContext, 'db' | 'secrets'>,
  user: { id: string } | undefined,
  origin: SignInOrigin,
): Promise<KnownOrigin> {
  const browsers = origin.browserIds.map((id) => ({ id, ...browserPlace(secrets, id) }))
  const here = addressPlace(secrets, origin.address)
  const asked = [here, ...browsers].map((each) => each.place)
  const found = await findPlaces(db, user?.id ?? nobody, asked)
  const browser = browsers.find(({ place }) => found.includes(place))
  return {
    place: browser?.place ?? found.find((place) => place === here.place),
    browserId: browser?.id,
  }
}

const nobody = '00000000-0000-0000-0000-000000000000'

/** Records where a user has signed in. `user` is the row whose credential was verified. */
export async function rememberPlaces(
  { db, secrets }: Pick<AccountsContext, 'db' | 'secrets'>,
  user: { id: string; sessionEpoch: number },
  at: { address: string; browserId: string | undefined },
): Promise<void> {
  const { address, browserId } = at
  const places = [addressPlace(secrets, address)]
  if (browserId !== undefined) places.push(browserPlace(secrets, browserId))
  await recordPlaces(db, user, { places, lifetimeSeconds: placeLifetimeSeconds, keep: keptPlaces })
}

const addressPlace = (secrets: Secrets, address: string): Place => ({
  kind: 'address',
  place: secrets.fingerprint(`sign-in address ${network(address)}`),
})

const browserPlace = (secrets: Secrets, id: string): Place => ({
  kind: 'browser',
  place: secrets.fingerprint(`sign-in browser ${id}`),
})
