import type { IncomingHttpHeaders } from 'node:http'
import { forbidden, unauthenticated } from './errors.ts'

/** What a route may need; the same words are the scopes of API tokens. */
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
 * What a route declares: nothing to show (`open`), any signed-in principal (`signed-in`), or one permission.
 * `deployments:write` is held by whoever may write to at least one environment, `jobs:watch` by whoever may read jobs
 * or start one by a domain of its own; the verb then checks which.
 */
export type Access = 'open' | 'signed-in' | 'deployments:write' | 'jobs:watch' | Permission

/** Who is calling. */
export interface Principal {
  kind: 'session' | 'jwt' | 'api-token' | Scheme
  /** Stable across requests and credentials of one account: what rows name as their owner. */
  id: string
  name: string
  isAdmin: boolean
  permissions: ReadonlySet<Permission>
  /** Its token bucket: refill in requests per second, and capacity. */
  rateLimit: { perSecond: number; burst: number }
  /** False once its credential is revoked or expired or its account disabled; open streams ask every 60 s. */
  stillValid(): Promise<boolean>
}

/** The part of a request that says who is calling. `address` is the client's, after trusted proxies. */
export interface Credentials {
  headers: IncomingHttpHeaders
  method: string
  readonly address: string
}

/**
 * Turns a request into a principal, at once where it is remembered; undefined when it shows no credential.
 * @throws ACCESS_002 for a bad one.
 */
export type Authenticate = (
  credentials: Credentials,
) => Principal | undefined | Promise<Principal | undefined>

/** Credentials beside those of accounts. They count on the routes that name them, before an account's. */
export type Scheme = 'forwarded' | 'tracker-key'

/** The guard of every route. @throws ACCESS_001 without a principal, ACCESS_003 without the permission. */
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

/** For routes that are not open: the router lets nobody through without a principal, but the type does not say so. */
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

/** What is held by holding one of several. */
const anyOf: Partial<Record<Access, Permission[]>> = {
  'deployments:write': ['deployments:write:staging', 'deployments:write:production'],
  'jobs:watch': ['jobs:read', 'tracker:write'],
}

/** Sent with every 401. */
export const challenge = { 'WWW-Authenticate': 'Bearer realm="capstan"' }
