import { BlockList, isIP } from 'node:net'
import { canonicalAddress } from '../../platform/network/ip-address.ts'

/**
 * Addresses that no node can have, but where other services answer requests from inside: link-local addresses (cloud
 * metadata), unspecified ones (this machine), multicast and reserved ones. Loopback and private networks are allowed on
 * purpose: nodes run there. An IPv4 address in IPv6 notation counts as the IPv4 address.
 */
const refused = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  // Metadata services of clouds that place them in ranges where nodes may be.
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  refused.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  // The unspecified address and the deprecated IPv4-compatible form; loopback, which lies in the same range, is allowed below.
  ['::', 96],
  ['fe80::', 10],
  ['fec0::', 10],
  // IPv4 addresses in the notations of translators and tunnels.
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['::ffff:0:0:0', 96],
  ['ff00::', 8],
  // A metadata service in the private range.
  ['fd00:ec2::254', 128],
  ['fd20:ce::254', 128],
] as const)
  refused.addSubnet(network, bits, 'ipv6')

/** True for an address that a node may have. Nodes are configured by address; host names are never resolved. */
export function isNodeAddress(text: string): boolean {
  const address = canonicalAddress(text)
  const family = isIP(address)
  if (family === 0 || address.includes('%')) return false
  return address === '::1' || !refused.check(address, family === 4 ? 'ipv4' : 'ipv6')
}
