import { lookup as systemLookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'
import { canonicalAddress } from './ip-address.ts'

/** Loopback addresses, and the unspecified addresses, which connect to loopback. */
const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addSubnet('0.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')
loopback.addAddress('::', 'ipv6')

/** @returns the current addresses of this machine's network interfaces, in canonical spelling */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return all.map(({ address }) => canonicalAddress(withoutZone(address)))
}

/** True if the IP address, in any spelling, belongs to this machine. */
export function isOwnAddress(address: string): boolean {
  const plain = canonicalAddress(withoutZone(address))
  const family = isIP(plain)
  if (family === 0) return false
  return loopback.check(plain, family === 6 ? 'ipv6' : 'ipv4') || ownAddresses().includes(plain)
}

/** True if a URL's host is this machine. @param hostname a name, an IPv4 address, or an IPv6 address in brackets */
export function namesThisMachine(hostname: string): boolean {
  const plain = hostname.replace(/\.$/, '').replace(/^\[(.*)\]$/, '$1')
  return plain === 'localhost' || plain.endsWith('.localhost') || isOwnAddress(plain)
}

/** Thrown for a refused connection to this machine. */
export class OnThisMachine extends Error {
  override name = 'OnThisMachine'
  readonly code = 'ON_THIS_MACHINE'

  constructor(hostname: string) {
    super(`${hostname} is an address of this machine`)
  }
}

/**
 * Resolves names like the system, but fails with OnThisMachine if one of the addresses belongs to this machine. The
 * connection itself must use this function: resolving a name twice may give different addresses.
 */
export const lookupElsewhere: LookupFunction = (hostname, options, done) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, [])
    if (addresses.some(({ address }) => isOwnAddress(address))) return done(new OnThisMachine(hostname), [])
    const [first] = addresses
    if (options.all) done(null, addresses)
    else done(null, first?.address ?? '', first?.family ?? 4)
  })
}

const withoutZone = (address: string) => address.replace(/%.*$/, '')
