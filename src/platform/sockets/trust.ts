import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { canonicalAddress } from '../network/ip-address.ts'

/** The client's address of a request that Express never sees, by the same rule: only trusted proxies are believed. */
export function createTrust(proxies: string[]): (req: IncomingMessage) => string {
  const trusted = new BlockList()
  for (const each of proxies) {
    const [address = '', bits] = each.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    trusted.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family)
  }
  const isTrusted = (address: string) =>
    isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  return (req) => {
    const forwarded = [req.headers['x-forwarded-for'] ?? []].flat().join(',').split(',')
    const hops = [
      ...forwarded.map((each) => each.trim()).filter(Boolean),
      canonicalAddress(req.socket.remoteAddress ?? ''),
    ]
    return hops.findLast((hop) => !isTrusted(hop)) ?? hops[0] ?? ''
  }
}
