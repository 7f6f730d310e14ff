import type { Request } from 'express'
import { forbidden } from '../../platform/errors.ts'

/**
 * Refuses a form that another site's page sends: a sign-in would put a session of that site's choice into the visitor's
 * browser, and a sign-out would remove the visitor's own. The session's cookie does not come with it, so no CSRF token can be
 * asked for, and the browser's own word decides: `Sec-Fetch-Site`, or `Origin`
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
  throw forbidden('A form from another site is refused')
}
