import { BlockList, isIP } from 'node:net'
import { canonicalAddress } from '../../platform/network/ip-address.ts'

/**
 * Where no node can be, but others answer who asks from inside: link-local addresses (a cloud's metadata), unspecified
 * ones (this machine, by another name), multicast and reserved ones. Loopback and private networks are allowed on
 * purpose: that is where nodes live. An IPv4 address in IPv6 clothes counts as what it is.
 */
const refused = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  // Metadata once more, of clouds that have it in ranges where nodes may be.
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  refused.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  // Unspecified, and the IPv4-compatible form that was given up; loopback, which lies among them, is let through below.
  ['::', 96],
  ['fe80::', 10],
  ['fec0::', 10],
  // IPv4 in other clothes than the usual ones: by translators and tunnels.
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['::ffff:0:0:0', 96],
  ['ff00::', 8],
  // Metadata in the private range.
  ['fd00:ec2::254', 128],
  ['fd20:ce::254', 128],
] as const)
  refused.addSubnet(network, bits, 'ipv6')

/** True for addresses that a node may have. Names are never looked up: a node is told by its address. */
export function isNodeAddress(text: string): boolean {
  const address = canonicalAddress(text)
  const family = isIP(address)
  if (family === 0 || address.includes('%')) return false
  return address === '::1' || !refused.check(address, family === 4 ? 'ipv4' : 'ipv6')
}
