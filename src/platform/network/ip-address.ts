import { isIP } from 'node:net'

/**
 * The canonical spelling of an IP address: IPv4 dotted, IPv6 shortened in lower case, and an IPv4-mapped IPv6 address
 * (`::ffff:127.0.0.1`, `::ffff:7f00:1`) as the IPv4 address. Two texts name the same
 * address if and only if their canonical spellings are equal. Text that is not an address, or names a zone, is returned
 * unchanged.
 */
export function canonicalAddress(text: string): string {
  if (isIP(text) !== 6 || text.includes('%')) return text
  const shortest = new URL(`http://[${text}]/`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(shortest)
  if (mapped === null) return shortest
  const halves = mapped.slice(1).map((group) => Number.parseInt(group, 16))
  return halves.flatMap((half) => [half >> 8, half & 255]).join('.')
}
