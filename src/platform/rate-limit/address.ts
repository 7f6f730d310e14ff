import { isIPv6 } from 'node:net'

/** What one client can hold many of counts as one: an IPv6 /64. IPv4 in IPv6 clothes is IPv4. */
export function network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1] !== undefined) return mapped[1]
  const bare = address.split('%')[0] ?? ''
  if (!isIPv6(bare)) return address
  const [head = '', tail] = bare.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  // A dotted tail stands for two groups; it lies outside the first 64 bits unless the address is written in
  // full.
  const gap = 8 - left.length - right.length - (bare.includes('.') ? 1 : 0)
  const groups = [...left, ...Array<string>(Math.max(0, tail === undefined ? 0 : gap)).fill('0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
