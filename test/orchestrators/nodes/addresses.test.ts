import { describe, expect, it } from 'vitest'
import { isNodeAddress } from '../../../src/orchestrators/node/addresses.ts'
import { createNodeClient } from '../../../src/orchestrators/node/client.ts'

describe('where a node can be', () => {
  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '192.168.1.1',
    '203.0.113.7',
    '::1',
    'fd12:3456::1',
    '2001:db8::1',
    '100.64.0.1',
    '::ffff:10.0.0.1',
  ])('%s', (address) => expect(isNodeAddress(address)).toBe(true))

  it.each([
    ...[
      '169.254.169.254',
      '169.254.0.1',
      '0.0.0.0',
      '0.1.2.3',
      '224.0.0.1',
      '239.255.255.255',
      '255.255.255.255',
      '240.0.0.1',
    ],
    ...['fe80::1', 'febf::1', 'fe80::1%eth0', '::', 'ff02::1', 'fd00:ec2::254'],
    // The same in other clothes.
    ...['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '0:0:0:0:0:ffff:a9fe:a9fe', '::ffff:0.0.0.0', '0:0::0'],
    ...[
      '64:ff9b::a9fe:a9fe',
      '64:ff9b:1::a9fe:a9fe',
      '2002:a9fe:a9fe::',
      '::ffff:0:169.254.169.254',
      'fec0::1',
    ],
    ...['168.63.129.16', '100.100.100.200', '192.0.0.192', 'fd20:ce::254'],
    ...['metadata.google.internal', 'localhost', '2852039166', ''],
  ])('not %s', (address) => expect(isNodeAddress(address)).toBe(false))

  it('is asked before anything is sent, also of a node that was added earlier', async () => {
    const client = createNodeClient()
    const answer = await client.status(
      { ipAddress: '169.254.169.254', rpcPort: 80 },
      AbortSignal.timeout(60_000),
    )
    expect(answer).toEqual({
      kind: 'failed',
      unreachable: false,
      message: 'Network error: no node can have this address',
    })
    client.close()
  })
})
