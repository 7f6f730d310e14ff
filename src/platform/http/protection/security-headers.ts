import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import helmet from 'helmet'

/**
 * Nothing from other hosts, and no script in a page's text. Pages have their styles in their text. It is the policy of all
 * answers, so that a new page cannot do without one.
 */
const contentSecurityPolicy = {
  'default-src': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:'],
  'base-uri': ["'self'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
  'object-src': ["'none'"],
  'script-src-attr': ["'none'"],
}

/**
 * The security headers of every answer. They are the same each time, so the library is asked once and its answer
 * repeated: its dozen handlers cost a busy route a tenth of its time.
 * @returns names and values
 * @param secure served over TLS: browsers are told to stay there
 */
export function securityHeaders(secure: boolean): [string, string][] {
  const sample = new ServerResponse(new IncomingMessage(new Socket()))
  const ask = helmet({
    strictTransportSecurity: secure,
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'strict-origin-when-cross-origin' },
    // On plain HTTP the default `upgrade-insecure-requests` would break our own pages' assets.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { ...contentSecurityPolicy, 'upgrade-insecure-requests': secure ? [] : null },
    },
  })
  ask(sample.req, sample, () => undefined)
  return Object.entries(sample.getHeaders()).map(([name, value]) => [name, String(value)])
}
