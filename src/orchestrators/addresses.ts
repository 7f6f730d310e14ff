import { BlockList, isIP } from 'node:net'

/**
 * Where no node can be, but others answer who asks from inside: link-local addresses (a cloud's metadata), unspecified
 * ones (this machine, by another name), multicast and reserved ones. Loopback and private networks are allowed on
 * purpose: that is where nodes live. An IPv4 address in IPv6 clothes counts as what it is.
 */
const refused = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  refused.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::', 128],
  ['fe80::', 10],
  ['ff00::', 8],
  // A cloud's metadata once more, in the private range.
  ['fd00:ec2::254', 128],
] as const)
  refused.addSubnet(network, bits, 'ipv6')

/** True for addresses that a node may have. Names are never looked up: a node is told by its address. */
export function isNodeAddress(address: string): boolean {
  const family = isIP(address)
  return family !== 0 && !address.includes('%') && !refused.check(address, family === 4 ? 'ipv4' : 'ipv6')
}
