import { lookup as systemLookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { canonicalAddress } from './ip-address.ts'

/** IPv4 addresses that are not on the internet: private, shared, loopback, link-local (metadata), reserved. */
const notPublic = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // A metadata service outside of the link-local range.
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  notPublic.addSubnet(network, bits, 'ipv4')

const internet6 = new BlockList()
internet6.addSubnet('2000::', 3, 'ipv6')
/** Tunnels, whose addresses contain an IPv4 address of any kind, and examples. */
for (const [network, bits] of [
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
] as const)
  notPublic.addSubnet(network, bits, 'ipv6')

/** True for an IP address, in any spelling, to which the internet can lead. */
export function isPublicAddress(text: string): boolean {
  const address = canonicalAddress(text)
  const family = isIP(address)
  if (family === 4) return !notPublic.check(address, 'ipv4')
  if (family === 0 || address.includes('%')) return false
  const translated = translatedAddress(address)
  if (translated !== undefined) return isPublicAddress(translated)
  return internet6.check(address, 'ipv6') && !notPublic.check(address, 'ipv6')
}

/** The IPv4 address that a translator (NAT64) reaches by an IPv6 address; undefined for all others. */
function translatedAddress(address: string): string | undefined {
  const [, tail] = /^64:ff9b::(.*)$/.exec(address) ?? []
  if (tail === undefined) return undefined
  return canonicalAddress(`::ffff:${tail.includes(':') ? tail : `0:${tail || '0'}`}`)
}

/** Thrown for a refused connection to an address that is not on the internet. */
export class NotPublic extends Error {
  override name = 'NotPublic'
  readonly code = 'NOT_PUBLIC'

  constructor(hostname: string) {
    super(`${hostname} leads to an address that is not public`)
  }
}

/** True if a URL's host is certainly not public. @param hostname a name, or an address, IPv6 in brackets */
export function namesPrivatePlace(hostname: string): boolean {
  const plain = hostname.replace(/\.$/, '').replace(/^\[(.*)\]$/, '$1')
  if (plain === 'localhost' || plain.endsWith('.localhost')) return true
  return isIP(plain) !== 0 && !isPublicAddress(plain)
}

/**
 * Resolves names like the system, but fails with NotPublic if one of the addresses is not public. The connection itself
 * must use this function: resolving a name twice may give different addresses.
 */
export const lookupPublic: LookupFunction = (hostname, options, done) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, [])
    if (!addresses.every(({ address }) => isPublicAddress(address))) return done(new NotPublic(hostname), [])
    const [first] = addresses
    if (options.all) done(null, addresses)
    else done(null, first?.address ?? '', first?.family ?? 4)
  })
}
