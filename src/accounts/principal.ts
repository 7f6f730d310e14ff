import { type Permission, type Principal, permissions } from '../platform/auth.ts'
import { forbidden } from '../platform/errors.ts'
import type { User } from './store/users.ts'

/** The credential of a request, with the fields that this folder needs. */
export type Credential =
  | { kind: 'session'; idHash: Buffer }
  | { kind: 'jwt'; jti: string; expiresAt: Date }
  | { kind: 'api-token'; tokenId: string; scopes: readonly Permission[] | null; expiresAt: Date | null }

/** A principal that is a user account, authenticated by any credential. */
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

  /** False for a scoped token of an administrator: it has only its own permissions. */
  get isAdmin(): boolean {
    return this.user.isAdmin && this.scopes === null
  }

  /** The scopes of an API token. Null: limited only by the user's permissions. */
  get scopes(): readonly Permission[] | null {
    return this.credential.kind === 'api-token' ? this.credential.scopes : null
  }

  /** Requests per second and burst, from the user's row. */
  get rateLimit(): { perSecond: number; burst: number } {
    return { perSecond: this.user.rateLimitPerSecond, burst: this.user.rateLimitBurst }
  }
}

/** A user's principal id, also used as the subject of cached data. */
export const subjectOf = (userId: string) => `user:${userId}`

/**
 * The permissions of a user: all for an administrator, otherwise those for reading. Scopes only reduce them.
 */
export function permissionsOf(
  user: { isAdmin: boolean },
  scopes: readonly Permission[] | null,
): ReadonlySet<Permission> {
  const userPermissions = permissions.filter((each) => user.isAdmin || each.endsWith(':read'))
  return new Set(scopes === null ? userPermissions : userPermissions.filter((each) => scopes.includes(each)))
}

/** What a token with scopes, or a principal without an account, needs for the request. */
export const unscopedAction = 'Sign in, or use a token without scopes'

/** @throws ACCESS_003 for a principal without an account (a tracker key, a forwarded identity) */
export function accountOf(principal: Principal | undefined): AccountPrincipal {
  if (principal instanceof AccountPrincipal) return principal
  throw forbidden('Only a user account can do this', { suggestedAction: unscopedAction })
}
