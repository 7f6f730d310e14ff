import { type Permission, type Principal, permissions } from '../platform/auth.ts'
import { forbidden } from '../platform/errors.ts'
import type { User } from './store/users.ts'

/** The credential behind a request, as far as the verbs of this folder need it. */
export type Credential =
  | { kind: 'session'; idHash: Buffer }
  | { kind: 'jwt'; jti: string; expiresAt: Date }
  | { kind: 'api-token'; tokenId: string; scopes: readonly Permission[] | null; expiresAt: Date | null }

/** A principal that is one of our users, by whatever credential. */
export class AccountPrincipal implements Principal {
  readonly id: string
  readonly user: User
  readonly credential: Credential
  readonly permissions: ReadonlySet<Permission>
  readonly stillValid: () => Promise<boolean>

  constructor(user: User, credential: Credential, stillValid: () => Promise<boolean>) {
    this.id = subjectOf(user.id)
    this.user = user
    this.credential = credential
    this.permissions = permissionsOf(user, this.scopes)
    this.stillValid = stillValid
  }

  get kind(): Principal['kind'] {
    return this.credential.kind
  }

  get name(): string {
    return this.user.username
  }

  /** A scoped token of an administrator is not one: what it may do is in its permissions alone. */
  get isAdmin(): boolean {
    return this.user.isAdmin && this.scopes === null
  }

  /** Null: no limit but the user's own. */
  get scopes(): readonly Permission[] | null {
    return this.credential.kind === 'api-token' ? this.credential.scopes : null
  }

  /** Requests per second, and the burst, from the user's row. */
  get rateLimit(): { perSecond: number; burst: number } {
    return { perSecond: this.user.rateLimitPerSecond, burst: this.user.rateLimitBurst }
  }
}

/** A user's name among principals, and for whoever remembers something about it. */
export const subjectOf = (userId: string) => `user:${userId}`

/**
 * The table of the principal's side: an administrator may everything, a user may read. Scopes only take
 * away.
 */
export function permissionsOf(
  user: { isAdmin: boolean },
  scopes: readonly Permission[] | null,
): ReadonlySet<Permission> {
  const own = permissions.filter((each) => user.isAdmin || each.endsWith(':read'))
  return new Set(scopes === null ? own : own.filter((each) => scopes.includes(each)))
}

/** @throws ACCESS_003 for a principal that is no account (a tracker key, a forwarded identity). */
export function accountOf(principal: Principal | undefined): AccountPrincipal {
  if (principal instanceof AccountPrincipal) return principal
  throw forbidden('Only a user account can do this')
}
