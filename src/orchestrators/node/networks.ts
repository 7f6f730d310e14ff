/** The networks of the bridge, in the order of every answer. */
export const networks = ['bnb', 'eth', 'supernova'] as const
export type Network = (typeof networks)[number]

/** As the bridge contract, and so a node, names them. */
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

/** Of a state that a node answered; anything that is not one of the five is unknown. */
export const stateName = (state: number | null): string | null =>
  state === null ? null : (stateNames[state] ?? 'Unknown')

/** Live, and key generation: the node takes part. */
export const isOnlineState = (state: number | null): boolean => state === 0 || state === 1
