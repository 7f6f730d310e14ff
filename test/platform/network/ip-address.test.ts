import { describe, expect, it } from 'vitest'
import { canonicalAddress } from '../../../src/platform/network/ip-address.ts'
import { network } from '../../../src/platform/rate-limit/address.ts'

describe('an IP address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:201', '192.0.2.1'],
    ['0000:0000:0000:0000:0000:ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:0.0.0.1', '0.0.0.1'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8:0:0::00AB', '2001:db8::ab'],
    // Neither is an IPv4 address in another spelling.
    ['::192.0.2.1', '::c000:201'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['node.example', 'node.example'],
    ['', ''],
  ])('%s is spelt %s', (text, spelling) => {
    expect(canonicalAddress(text)).toBe(spelling)
  })

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['192.0.2.1:40123', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:40123', '192.0.2.1'],
    ['2001:db8:0:1::5', '2001:db8:0:1::/64'],
    ['[2001:DB8:0:1:ffff::]:40123', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['not an address', 'not an address'],
  ])('%s counts as the client %s', (text, client) => {
    expect(network(text)).toBe(client)
  })
})
