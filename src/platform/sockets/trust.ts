import type { IncomingMessage } from 'node:http'
import proxyAddr from 'proxy-addr'
import { canonicalAddress } from '../network/ip-address.ts'

/**
 * Finds the client's address of a request that Express does not handle, with the library that Express uses for
 * `req.ip`.
 * @param proxies addresses and networks whose `X-Forwarded-For` is trusted
 */
export function createTrust(proxies: string[]): (req: IncomingMessage) => string {
  const trust = proxyAddr.compile(proxies)
  return (req) => canonicalAddress(proxyAddr(req, trust))
}
