import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { z } from 'zod'
import type { Principal } from '../../platform/auth.ts'
import { createBatcher } from '../../platform/batcher.ts'
import { notFound } from '../../platform/errors.ts'
import { clientOf, type KeyRing, requireClient } from '../access.ts'
import type { TrackerContext } from '../context.ts'
import { isWellKnownKind } from '../kinds.ts'
import { name, names } from '../schema.ts'
import {
  type BadgeScope,
  type BadgeToken,
  deleteBadgeToken,
  findBadgeScopes,
  insertBadgeToken,
  listBadgeTokens,
} from '../store/badges/badge-tokens.ts'
import { type BadgeKey, findForBadges, isKindRecorded } from '../store/badges/badges.ts'
import { type Badge, colors } from './draw.ts'

/** Recognisable in a leak; what follows is 256 random bits. */
const tokenShape = /^obt_[A-Za-z0-9_-]{43}$/
const hashOf = (token: string) => createHash('sha256').update(token).digest()

export interface Badges {
  /** What a badge says now. Faults are badges, too: a page that shows one can't show an error. */
  read(key: string, of: BadgeKey): Promise<Omit<Badge, 'label'>>
  /** @returns the token, which is shown this once. @throws ACCESS_003 */
  create(principal: Principal, scope: BadgeScope): Promise<{ token: string; row: BadgeToken }>
  list(principal: Principal, clientName: string | undefined): Promise<BadgeToken[]>
  /** @throws SYS_005 */
  revoke(trx: Knex.Transaction, principal: Principal, id: string): Promise<void>
}

export function createBadges({ db, log }: TrackerContext, ring: KeyRing): Badges {
  // Requests at the same time share the round trip, and those for the same badge the look-up.
  const scopes = createBatcher((hashes: string[]) => once(hashes, (unique) => findBadgeScopes(db, unique)), {
    linger: false,
  })
  const releases = createBatcher(
    (keys: string[]) => once(keys, (unique) => findForBadges(db, unique.map(toKey))),
    { linger: false },
  )

  async function access(key: string, of: BadgeKey): Promise<'granted' | 'denied' | 'unknown'> {
    if (tokenShape.test(key)) {
      const scope = await scopes.add(hashOf(key).toString('hex'))
      if (scope === undefined) return 'unknown'
      return isInside(scope, of) ? 'granted' : 'denied'
    }
    const principal = ring(key)
    if (principal === undefined) return 'unknown'
    return [undefined, of.clientName].includes(principal.client) ? 'granted' : 'denied'
  }

  /** A kind that nobody has ever recorded is a mistake in the address, which "not deployed" would hide. */
  async function absent({ clientName, kind }: BadgeKey): Promise<Omit<Badge, 'label'>> {
    const known = isWellKnownKind(kind) || (await isKindRecorded(db, clientName, kind))
    return known ? { message: 'not deployed', color: colors.grey } : invalidRequest
  }

  return {
    async read(key, of) {
      try {
        const may = await access(key, of)
        if (may === 'unknown') return { message: 'unauthorized', color: colors.red }
        if (may === 'denied') return { message: 'access denied', color: colors.red }
        if (!isValid(of)) return invalidRequest
        const { tag, sha, found } = await releases.add(JSON.stringify(of))
        if (found === 0) return await absent(of)
        if (found > 1) return { message: 'multiple found', color: colors.yellow }
        return { message: tag || sha?.slice(0, 'sha256:'.length + 12) || 'unknown', color: colors.green }
      } catch (error) {
        log.warn({ err: error }, 'a badge could not be read')
        return { message: 'query error', color: colors.red }
      }
    },

    async create(principal, scope) {
      requireClient(principal, scope.clientName)
      const token = `obt_${randomBytes(32).toString('base64url')}`
      const row = { id: randomUUID(), hash: hashOf(token), scope, createdBy: principal.id }
      return { token, row: await insertBadgeToken(db, row) }
    },

    async list(principal, clientName) {
      if (clientName !== undefined) requireClient(principal, clientName)
      return listBadgeTokens(db, clientName ?? clientOf(principal))
    },

    async revoke(trx, principal, id) {
      if (!(await deleteBadgeToken(trx, id, clientOf(principal)))) throw notFound('Badge token')
    },
  }
}

const invalidRequest = { message: 'invalid request', color: colors.red }

const shape = z.object({
  clientName: name,
  envName: name,
  kind: z.object({ kind: names.kind, group: names.group.optional() }),
  workload: names.workload,
  container: names.container,
  namespace: names.namespace.optional(),
})
const isValid = (of: BadgeKey) => shape.safeParse(of).success

const toKey = (text: string): BadgeKey => JSON.parse(text)

/** Looks each of several up once. @returns an answer for each of them, in order. */
async function once<T>(all: string[], lookUp: (unique: string[]) => Promise<T[]>): Promise<T[]> {
  const unique = [...new Set(all)]
  const found = await lookUp(unique)
  const byText = new Map(unique.map((text, n) => [text, found[n] as T]))
  return all.map((text) => byText.get(text) as T)
}

function isInside({ clientName, component }: BadgeScope, of: BadgeKey): boolean {
  if (clientName !== of.clientName) return false
  if (component === undefined) return true
  const { envName, namespace, kind, workload, container } = component
  const ofKind = kind.kind === of.kind.kind && (kind.group === undefined || kind.group === of.kind.group)
  const same = envName === of.envName && ofKind && workload === of.workload && container === of.container
  return same && (namespace === null || namespace === of.namespace)
}
