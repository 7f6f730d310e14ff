import type { Request } from 'express'
import { CodedError } from '../../platform/errors.ts'

/**
 * Refuses a sign-in that another site's page sends: it would put its own session into the visitor's browser.
 * There is no session yet for a CSRF token, so the browser's own word decides: `Sec-Fetch-Site`, or `Origin`
 * where that is not sent (plain HTTP). Programs send neither and pass.
 * @throws ACCESS_003
 */
export function requireSameOrigin(req: Request, publicUrl: string): void {
  const site = req.get('sec-fetch-site')
  if (site === 'same-origin' || site === 'none') return
  if (site === undefined) {
    const origin = req.get('origin')
    if (origin === undefined || origin === URL.parse(publicUrl)?.origin) return
    // Only compared, never used to build a URL: whoever forges both headers has no browser to attack.
    const host = URL.parse(origin)?.host
    if (host !== undefined && host !== '' && host === req.get('host')) return
  }
  throw new CodedError('ACCESS_003', 'Sign-in from another site is refused')
}
