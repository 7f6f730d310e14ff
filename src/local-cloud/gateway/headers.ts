import { randomBytes } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'

const hopByHop = new Set([
  'connection',
  // The local cloud's own server has already handled it.
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The value of `request.cf`. Without an edge, it contains only what is true for every request. */
const cfBlob = JSON.stringify({ colo: 'LOCAL', httpProtocol: 'HTTP/1.1' })

/** The request headers for the Worker: the client's headers and those that Cloudflare's edge would set. */
export function workerHeaders(req: IncomingMessage): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  for (const [name, values] of Object.entries(req.headersDistinct)) {
    // Clients must not forge `cf-` and `mf-` headers, which belong to the edge and to workerd.
    if (hopByHop.has(name) || /^(cf|mf)-/.test(name) || values === undefined) continue
    headers[name] = values.length === 1 ? values[0] : values
  }
  headers.host = req.headers.host
  if (req.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked'
  headers['cf-connecting-ip'] = req.socket.remoteAddress ?? '127.0.0.1'
  headers['cf-ray'] = `${randomBytes(8).toString('hex')}-LOCAL`
  headers['x-forwarded-proto'] = 'http'
  headers['mf-cf-blob'] = cfBlob
  return headers
}

const versionHeaderName = 'x-local-cloud-version'

/**
 * The response header that names the version for a request with a version override. Cloudflare sends no such header:
 * there, only the live log shows which version answered.
 */
export function versionHeader({ headers }: IncomingMessage, { versionId }: { versionId: string }): string[] {
  return headers['cloudflare-workers-version-overrides'] === undefined ? [] : [versionHeaderName, versionId]
}

/** The response headers in their order and with duplicates, without the hop-by-hop headers of the inner connection. */
export function answerHeaders(upstream: IncomingMessage): string[] {
  const kept: string[] = []
  for (let at = 0; at < upstream.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = upstream.rawHeaders.slice(at, at + 2)
    // Only the local cloud itself says which version answered.
    if (!hopByHop.has(name.toLowerCase()) && name.toLowerCase() !== versionHeaderName) kept.push(name, value)
  }
  return kept
}
