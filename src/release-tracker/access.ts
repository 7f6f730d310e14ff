import type { Authenticate, Permission, Principal } from '../platform/auth.ts'
import { badCredential, forbidden } from '../platform/errors.ts'
import { hashOfKey, powersOf, type TrackerKey } from './api-keys.ts'
import type { ReleaseTrackerConfig } from './config.ts'

const readPermissions: Permission[] = ['tracker:read', 'jobs:read']
const writePermissions: Permission[] = [...readPermissions, 'tracker:write', 'jobs:write']

/** The caller with a tracker key. All keys of one role and client are one principal, so that keys can be rotated. */
export class TrackerPrincipal implements Principal {
  readonly kind = 'tracker-key'
  readonly id: string
  readonly name: string
  readonly isAdmin = false
  readonly permissions: ReadonlySet<Permission>
  readonly rateLimit: { perSecond: number; burst: number }
  /** The client whose data the caller may see; undefined for all clients. */
  readonly client: string | undefined

  constructor(key: TrackerKey, config: ReleaseTrackerConfig) {
    const { role, client } = powersOf(key, config.mode)
    this.client = client
    this.name = [role, this.client].filter((part) => part !== undefined).join(':')
    this.id = `tracker-key:${this.name}`
    this.permissions = new Set(role === 'read' ? readPermissions : writePermissions)
    this.rateLimit = role === 'admin' ? config.rateLimits.admin : config.rateLimits.client
  }

  /** Always valid: keys change only with the configuration, which needs a restart. */
  async stillValid(): Promise<boolean> {
    return true
  }
}

export type KeyRing = (key: string) => TrackerPrincipal | undefined

/** Looks up keys by their hashes, so that the time does not reveal how close a guess was. */
export function createKeyRing(config: ReleaseTrackerConfig): KeyRing {
  const byHash = new Map(config.apiKeys.keys.map((key) => [key.hash, new TrackerPrincipal(key, config)]))
  return (key) => byHash.get(hashOfKey(key))
}

/**
 * The scheme `tracker-key`: `Authorization: Bearer`, or else `X-API-Key`. A Bearer that is an account's (an API token, a
 * JWT) is left to accounts.
 */
export function authenticateByKey(ring: KeyRing): Authenticate {
  return ({ headers }) => {
    const [, bearer] = /^bearer +(\S+)$/i.exec(headers.authorization?.trim() ?? '') ?? []
    if (bearer !== undefined && (bearer.startsWith('ora_') || bearer.split('.').length === 3))
      return undefined
    const key = bearer ?? headers['x-api-key']
    if (typeof key !== 'string') return undefined
    const principal = ring(key)
    if (principal === undefined) throw badCredential('The API key is not valid')
    return principal
  }
}

/** The client whose data a caller may see; undefined for all clients. */
export function clientOf(principal: Principal | undefined): string | undefined {
  return principal instanceof TrackerPrincipal ? principal.client : undefined
}

/** @throws ACCESS_003 for a key of another client. */
export function requireClient(principal: Principal | undefined, clientName: string): void {
  const own = clientOf(principal)
  if (own === undefined || own === clientName) return
  throw forbidden('The API key belongs to another client', {
    suggestedAction: 'Use the API key of the client in the request',
  })
}
