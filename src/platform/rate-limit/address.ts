import { isIPv6 } from 'node:net'
import { canonicalAddress } from '../network/ip-address.ts'

/**
 * The part of an address that identifies one client: an IPv4 address in any spelling, or the /64 of an IPv6 address,
 * since one client can use all of it. A port added by a proxy is removed.
 */
export function network(address: string): string {
  const canonical = canonicalAddress(withoutPort(address).split('%')[0] ?? '')
  if (!isIPv6(canonical)) return canonical
  const [head = '', tail] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : 8 - left.length - right.length
  return `${[...left, ...Array<string>(gap).fill('0'), ...right].slice(0, 4).join(':')}::/64`
}

/** Some proxies forward `192.0.2.1:5678` or `[2001:db8::1]:5678`: a new port is not a new client. */
function withoutPort(address: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1]
  return bracketed ?? /^(\d+(?:\.\d+){3}):\d+$/.exec(address)?.[1] ?? address
}
