import { network } from '../../platform/rate-limit/index.ts'
import type { Secrets } from '../../platform/secrets.ts'
import type { AccountsContext } from '../context.ts'
import { findPlaces, type Place, recordPlaces } from '../store/sign-in-places.ts'
import { placeLifetimeSeconds } from './browser-id.ts'

/** The origin of a sign-in. */
export interface SignInOrigin {
  /** The client's address. */
  address: string
  /** The validly signed ids in the browser's cookies; several if another host planted one beside the browser's own. */
  browserIds: readonly string[]
}

/** Maximum stored places per user and kind. */
const maxPlaces = 50

/** The parts of an origin that one user has signed in from before. */
export interface KnownOrigin {
  /** The place whose limit applies: the browser rather than the address, which other users may share. */
  place: string | undefined
  /** The browser id with which this user has signed in before; ids of other users do not count. */
  browserId: string | undefined
}

/** Finds the known places of a user. Without a user it runs the same query, so that the duration reveals nothing. */
export async function knownOrigin(
  { db, secrets }: Pick<AccountsContext, 'db' | 'secrets'>,
  user: { id: string } | undefined,
  origin: SignInOrigin,
): Promise<KnownOrigin> {
  const browsers = origin.browserIds.map((id) => ({ id, ...browserPlace(secrets, id) }))
  const address = addressPlace(secrets, origin.address)
  const candidates = [address, ...browsers].map((each) => each.place)
  const found = await findPlaces(db, user?.id ?? noUserId, candidates)
  const browser = browsers.find(({ place }) => found.includes(place))
  return {
    place: browser?.place ?? found.find((place) => place === address.place),
    browserId: browser?.id,
  }
}

const noUserId = '00000000-0000-0000-0000-000000000000'

/** Records the places of a user's sign-in. `user` is the row whose credential was verified. */
export async function rememberPlaces(
  { db, secrets }: Pick<AccountsContext, 'db' | 'secrets'>,
  user: { id: string; sessionEpoch: number },
  at: { address: string; browserId: string | undefined },
): Promise<void> {
  const { address, browserId } = at
  const places = [addressPlace(secrets, address)]
  if (browserId !== undefined) places.push(browserPlace(secrets, browserId))
  await recordPlaces(db, user, { places, lifetimeSeconds: placeLifetimeSeconds, keep: maxPlaces })
}

const addressPlace = (secrets: Secrets, address: string): Place => ({
  kind: 'address',
  place: secrets.fingerprint(`sign-in address ${network(address)}`),
})

const browserPlace = (secrets: Secrets, id: string): Place => ({
  kind: 'browser',
  place: secrets.fingerprint(`sign-in browser ${id}`),
})
