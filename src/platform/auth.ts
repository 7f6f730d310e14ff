import type { IncomingHttpHeaders } from 'node:http'
import { forbidden, unauthenticated } from './errors.ts'

/** The permissions that routes require; also the scopes of API tokens. */
export const permissions = [
  'releases:read',
  'releases:publish',
  'tracker:read',
  'tracker:write',
  'orchestrators:read',
  'orchestrators:write',
  'deployments:read',
  'deployments:write:staging',
  'deployments:write:production',
  'jobs:read',
  'jobs:write',
  'accounts:admin',
  'console:admin',
] as const
export type Permission = (typeof permissions)[number]

/**
 * The access that a route requires: none (`open`), any signed-in principal (`signed-in`), or one permission. Write
 * access to one environment is enough for `deployments:write`; permission to read jobs, or to start jobs of one domain,
 * is enough for `jobs:watch`. The handler then checks the environment or the job.
 */
export type Access = 'open' | 'signed-in' | 'deployments:write' | 'jobs:watch' | Permission

/** The authenticated caller. */
export interface Principal {
  kind: 'session' | 'jwt' | 'api-token' | Scheme
  /** Stable across the requests and credentials of one account; rows store it as their owner. */
  id: string
  name: string
  isAdmin: boolean
  permissions: ReadonlySet<Permission>
  /** Its token bucket: refill in requests per second, and capacity. */
  rateLimit: { perSecond: number; burst: number }
  /** False once the credential is revoked or expired, or the account disabled. Open streams check it every 60 s. */
  stillValid(): Promise<boolean>
}

/**
 * The part of a request that identifies the caller. `address` is the client's, as determined by the trusted proxies.
 */
export interface Credentials {
  headers: IncomingHttpHeaders
  method: string
  readonly address: string
}

/**
 * Finds the principal of a request, synchronously if it is cached; undefined for a request without a credential.
 * @throws ACCESS_002 for a bad credential
 */
export type Authenticate = (
  credentials: Credentials,
) => Principal | undefined | Promise<Principal | undefined>

/** Credentials other than those of accounts. Routes that name them accept them, before an account's. */
export type Scheme = 'forwarded' | 'tracker-key'

/** Checks the access of every route. @throws ACCESS_001 without a principal, ACCESS_003 without the permission */
export function authorise(access: Access, principal: Principal | undefined): void {
  if (access === 'open') return
  if (principal === undefined) {
    throw unauthenticated()
  }
  if (access === 'signed-in' || holds(principal, access)) return
  throw forbidden(`The permission ${access} is required`, {
    details: { permission: access },
  })
}

/** Narrows the principal of a route that is not open, where the router guarantees one. @throws ACCESS_001 */
export function requirePrincipal(principal: Principal | undefined): Principal {
  if (principal === undefined) throw unauthenticated()
  return principal
}

/** @throws ACCESS_003 */
export function requirePermission(principal: Principal, permission: Permission): void {
  if (principal.permissions.has(permission)) return
  throw forbidden(`The permission ${permission} is required`, { details: { permission } })
}

function holds(principal: Principal, access: Exclude<Access, 'open' | 'signed-in'>): boolean {
  return (anyOf[access] ?? [access as Permission]).some((each) => principal.permissions.has(each))
}

/** The permissions of which any one is enough for an access. */
const anyOf: Partial<Record<Access, Permission[]>> = {
  'deployments:write': ['deployments:write:staging', 'deployments:write:production'],
  'jobs:watch': ['jobs:read', 'tracker:write'],
}

/** The header of every 401 response. */
export const challenge = { 'WWW-Authenticate': 'Bearer realm="capstan"' }
