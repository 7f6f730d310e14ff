import type { Route } from '../../src/platform/http/index.ts'
import type { Json } from './components.ts'

export const securitySchemes: Record<string, Json> = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token (`ora_...`), or a JWT of `POST /api/v1/auth/login`',
  },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'capstan_session',
    description:
      'The session of a browser (over HTTPS `__Host-capstan_session`). Methods other than GET also need `X-CSRF-Token`.',
  },
  trackerKey: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: 'A key of `API_KEYS`, also accepted as a Bearer',
  },
  forwardedIdentity: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Authentik-Username',
    description: 'The user that a trusted proxy has authenticated; never accepted from others',
  },
}

const schemeNames = { 'tracker-key': 'trackerKey', forwarded: 'forwardedIdentity' } as const

/** What an operation accepts as authentication; empty for an open one. */
export function securityOf({ access, schemes }: Route): Json[] {
  if (access === 'open') return []
  return ['bearer', 'session', ...schemes.map((each) => schemeNames[each])].map((name) => ({ [name]: [] }))
}
