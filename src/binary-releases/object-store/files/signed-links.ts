import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { linkSeconds, type SignedLink } from '../index.ts'

export const linkPath = '/release-store'

export type LinkMethod = 'GET' | 'PUT'

/** Signs and checks URLs of the file store on this service's host. */
export interface LinkSigner {
  sign(method: LinkMethod, key: string, parameters: Record<string, string>): SignedLink
  /** `expired` only for a link that was valid before, so that others learn nothing from the answer. */
  check(method: LinkMethod, key: string, query: Record<string, unknown>): 'valid' | 'expired' | 'invalid'
}

/**
 * The signature covers the method, the key and every parameter.
 * @param options `secret`: 32 bytes for this purpose only
 */
export function createLinkSigner(options: {
  publicUrl: string
  secret: Uint8Array
  now?: () => number
}): LinkSigner {
  const { publicUrl, now = Date.now } = options
  const secret = createSecretKey(options.secret)

  function signatureOf(method: LinkMethod, key: string, query: [string, string][]): Buffer {
    const sorted = query.toSorted(([a], [b]) => (a < b ? -1 : 1))
    return createHmac('sha256', secret)
      .update(JSON.stringify([method, key, sorted]))
      .digest()
  }

  return {
    sign(method, key, parameters) {
      const expires = Math.floor(now() / 1000) + linkSeconds
      const query = Object.entries({ ...parameters, expires: String(expires) })
      const signature = signatureOf(method, key, query).toString('base64url')
      const search = new URLSearchParams([...query, ['signature', signature]])
      const path = key.split('/').map(encodeURIComponent).join('/')
      return { url: `${publicUrl}${linkPath}/${path}?${search}`, expiresAt: new Date(expires * 1000) }
    },
    check(method, key, { signature, ...rest }) {
      const query = Object.entries(rest).filter(
        (each): each is [string, string] => typeof each[1] === 'string',
      )
      if (typeof signature !== 'string' || query.length !== Object.keys(rest).length) return 'invalid'
      const received = Buffer.from(signature, 'base64url')
      const expected = signatureOf(method, key, query)
      if (received.length !== expected.length || !timingSafeEqual(received, expected)) return 'invalid'
      return Number(rest.expires) * 1000 > now() ? 'valid' : 'expired'
    },
  }
}
