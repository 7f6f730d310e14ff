import type { Request } from 'express'
import { forbidden } from '../../platform/errors.ts'

/**
 * Refuses a form sent from another site's page: a sign-in would put a session of that site's choice into the visitor's
 * browser, and a sign-out would remove the visitor's session. The request has no session cookie, so a CSRF token cannot
 * be required; the browser's `Sec-Fetch-Site` decides, or `Origin` where that is missing (plain HTTP). Programs send
 * neither and pass.
 * @throws ACCESS_003 for a form of another site
 */
export function requireSameOrigin(req: Request, publicUrl: string): void {
  const site = req.get('sec-fetch-site')
  if (site === 'same-origin' || site === 'none') return
  if (site === undefined) {
    const origin = req.get('origin')
    if (origin === undefined || origin === URL.parse(publicUrl)?.origin) return
    // The Host header is only compared, never used in a URL: a client that forges both headers attacks no browser.
    const host = URL.parse(origin)?.host
    if (host !== undefined && host !== '' && host === req.get('host')) return
  }
  throw forbidden('Forms sent from another site are refused', {
    suggestedAction: 'Open the page of this service and send the form there',
  })
}
