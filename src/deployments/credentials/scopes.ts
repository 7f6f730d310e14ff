import type { Policy } from '../cloudflare/tokens-api.ts'

/** `Zone:DNS:Edit`: resource class, permission group, level. */
export interface Scope {
  resource: 'Zone' | 'Account' | 'User'
  group: string
  level: 'Read' | 'Edit'
}

/** Parses a scope in the form of Cloudflare's dashboard. Also accepts Write, the API's name for Edit. */
export function parseScope(text: string): Scope | undefined {
  const [, resource, group, level] = /^(Zone|Account|User):([^:]{1,100}):(Read|Edit|Write)$/.exec(text) ?? []
  if (resource === undefined || group === undefined) return undefined
  return { resource: resource as Scope['resource'], group, level: level === 'Read' ? 'Read' : 'Edit' }
}

export const showScope = ({ resource, group, level }: Scope) => `${resource}:${group}:${level}`

/** The scopes that policies grant. A denied group is omitted at all levels: reporting too few scopes is safe. */
export function scopesOf(policies: Policy[]): Scope[] {
  const found = (effect: string) =>
    policies
      .filter((policy) => policy.effect === effect)
      .flatMap((policy) => {
        const resource = resourceOf(policy.resources)
        return policy.permission_groups.flatMap(({ name }) => fromName(resource, name) ?? [])
      })
  const denied = found('deny')
  const key = ({ resource, group }: Scope) => `${resource}:${group.toLowerCase()}`
  const keys = new Set(denied.map(key))
  const granted = found('allow').filter((scope) => !keys.has(key(scope)))
  return [...new Map(granted.map((scope) => [showScope(scope), scope])).values()]
}

/** True if the granted scopes include the wanted one. Edit implies Read. */
export function grants(granted: Scope[], wanted: Scope): boolean {
  return granted.some(
    ({ resource, group, level }) =>
      resource === wanted.resource &&
      group.toLowerCase() === wanted.group.toLowerCase() &&
      (level === 'Edit' || wanted.level === 'Read'),
  )
}

/** The resource class of a policy. Zones are named in the key, or nested below their account. */
function resourceOf(resources: Record<string, unknown>): Scope['resource'] {
  const entries = Object.entries(resources)
  if (entries.some(([key]) => key.startsWith('com.cloudflare.api.user'))) return 'User'
  const zones = entries.some(
    ([key, value]) => key.startsWith('com.cloudflare.api.account.zone.') || typeof value === 'object',
  )
  return zones ? 'Zone' : 'Account'
}

/** Parses the API's name of a permission group: `<group> <Read|Write>`; older names end in Edit. */
function fromName(resource: Scope['resource'], name: string | undefined): Scope | undefined {
  const [, group, level] = /^(.+) (Read|Write|Edit)$/.exec(name ?? '') ?? []
  if (group === undefined) return undefined
  return { resource, group, level: level === 'Read' ? 'Read' : 'Edit' }
}
