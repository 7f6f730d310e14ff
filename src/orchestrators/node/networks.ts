/** The networks of the bridge, in the order of every answer. */
export const networks = ['bnb', 'eth', 'supernova'] as const
export type Network = (typeof networks)[number]

/** The networks by the names that the bridge contract, and so a node, uses. */
export const networkNames: Readonly<Record<string, Network>> = {
  'BNB Chain': 'bnb',
  BSC: 'bnb',
  Ethereum: 'eth',
  Supernova: 'supernova',
}

const stateNames: Readonly<Record<number, string>> = {
  0: 'LiveState',
  1: 'KeyGenState',
  2: 'HaltedState',
  3: 'EmergencyState',
  4: 'ReSignState',
}

/** The name of a state that a node reported; `unknown` for anything but the five known states. */
export const stateName = (state: number | null): string | null =>
  state === null ? null : (stateNames[state] ?? 'Unknown')

/** The states in which a node takes part in signing: live and key generation. */
export const isOnlineState = (state: number | null): boolean => state === 0 || state === 1
