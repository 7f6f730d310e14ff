import type { IncomingMessage } from 'node:http'
import proxyAddr from 'proxy-addr'
import { canonicalAddress } from '../network/ip-address.ts'

/**
 * The client's address of a request that Express never sees. Express uses the same library for `req.ip`.
 * @param proxies addresses and networks whose `X-Forwarded-For` is believed
 */
export function createTrust(proxies: string[]): (req: IncomingMessage) => string {
  const trust = proxyAddr.compile(proxies)
  return (req) => canonicalAddress(proxyAddr(req, trust))
}
