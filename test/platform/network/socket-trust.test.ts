import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import express from 'express'
import { expect, test } from 'vitest'
import { createTrust } from '../../../src/platform/sockets/trust.ts'

/** A request as it comes from a peer, without a connection. */
function requestFrom(remoteAddress: string, forwarded?: string): IncomingMessage {
  const socket = new Socket()
  Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress })
  const req = new IncomingMessage(socket)
  if (forwarded !== undefined) req.headers['x-forwarded-for'] = forwarded
  return req
}

/** What Express says the client's address is. */
function addressInExpress(proxies: string[], req: IncomingMessage): string | undefined {
  const app = express().set('trust proxy', proxies)
  return Object.create(app.request, { ...Object.getOwnPropertyDescriptors(req), app: { value: app } }).ip
}

const cases = [
  { proxies: [], from: '203.0.113.9', forwarded: '198.51.100.1', client: '203.0.113.9' },
  { proxies: ['10.0.0.0/8'], from: '203.0.113.9', forwarded: '198.51.100.1', client: '203.0.113.9' },
  { proxies: ['10.0.0.0/8'], from: '10.1.2.3', forwarded: undefined, client: '10.1.2.3' },
  { proxies: ['10.0.0.0/8'], from: '10.1.2.3', forwarded: '198.51.100.1', client: '198.51.100.1' },
  { proxies: ['10.0.0.0/8'], from: '10.1.2.3', forwarded: '6.6.6.6, 198.51.100.1', client: '198.51.100.1' },
  { proxies: ['10.0.0.0/8'], from: '10.1.2.3', forwarded: '198.51.100.1, 10.9.9.9', client: '198.51.100.1' },
  { proxies: ['10.1.2.3'], from: '10.1.2.3', forwarded: '198.51.100.1, 10.9.9.9', client: '10.9.9.9' },
  { proxies: ['10.0.0.0/8'], from: '10.1.2.3', forwarded: 'unknown', client: 'unknown' },
  { proxies: ['fd00::/8'], from: 'fd00::1', forwarded: '2001:db8::5', client: '2001:db8::5' },
]

test.each(cases)(
  'the client of a WebSocket from $from through $proxies with $forwarded is $client, as in Express',
  ({ proxies, from, forwarded, client }) => {
    expect(createTrust(proxies)(requestFrom(from, forwarded))).toBe(client)
    expect(addressInExpress(proxies, requestFrom(from, forwarded))).toBe(client)
  },
)

test('a peer with an IPv4-mapped address counts as its IPv4 address', () => {
  expect(createTrust([])(requestFrom('::ffff:203.0.113.9'))).toBe('203.0.113.9')
  expect(createTrust(['10.0.0.0/8'])(requestFrom('::ffff:10.1.2.3', '198.51.100.1'))).toBe('198.51.100.1')
})
