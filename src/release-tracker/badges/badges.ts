import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { z } from 'zod'
import type { Principal } from '../../platform/auth.ts'
import { createBatcher } from '../../platform/batcher.ts'
import { notFound } from '../../platform/errors.ts'
import { clientOf, type KeyRing, requireClient } from '../access.ts'
import type { TrackerContext } from '../context.ts'
import { isPlausibleKind } from '../kinds.ts'
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

/** The prefix makes a leaked token recognisable; 256 random bits follow. */
const tokenShape = /^obt_[A-Za-z0-9_-]{43}$/
const hashOf = (token: string) => createHash('sha256').update(token).digest()

/** What a badge shows for one component. */
export interface BadgeState extends Omit<Badge, 'label'> {
  /** For `invalid request`: what is wrong with the address. For the response header; the image has no room for it. */
  problem?: string
}

export interface Badges {
  /** Reads the state of a badge. Errors are badges, too: a page that embeds an image can't show anything else. */
  read(key: string, component: BadgeKey): Promise<BadgeState>
  /** @returns the token, which is shown this once. @throws ACCESS_003 */
  create(principal: Principal, scope: BadgeScope): Promise<{ token: string; row: BadgeToken }>
  list(principal: Principal, clientName: string | undefined): Promise<BadgeToken[]>
  /** @throws SYS_005 */
  revoke(trx: Knex.Transaction, principal: Principal, id: string): Promise<void>
}

export function createBadges({ db, log }: TrackerContext, ring: KeyRing): Badges {
  // Concurrent requests share one query, and requests for the same badge share the look-up.
  const scopes = createBatcher((hashes: string[]) => once(hashes, (unique) => findBadgeScopes(db, unique)), {
    linger: false,
  })
  const releases = createBatcher(
    (keys: string[]) => once(keys, (unique) => findForBadges(db, unique.map(toKey))),
    { linger: false },
  )

  async function accessOf(key: string, component: BadgeKey): Promise<'granted' | 'denied' | 'unknown'> {
    if (tokenShape.test(key)) {
      const scope = await scopes.add(hashOf(key).toString('hex'))
      if (scope === undefined) return 'unknown'
      return isInside(scope, component) ? 'granted' : 'denied'
    }
    const principal = ring(key)
    if (principal === undefined) return 'unknown'
    return [undefined, component.clientName].includes(principal.client) ? 'granted' : 'denied'
  }

  /** A workload that is not deployed is grey. A kind that is probably misspelled is an error: grey would hide it for ever. */
  async function stateOfMissing({ clientName, kind }: BadgeKey): Promise<BadgeState> {
    const isPlausible = isPlausibleKind(kind) || (await isKindRecorded(db, clientName, kind))
    return isPlausible ? notDeployed : invalidRequest(unknownKind)
  }

  return {
    async read(key, component) {
      try {
        const access = await accessOf(key, component)
        if (access === 'unknown') return { message: 'unauthorized', color: colors.red }
        if (access === 'denied') return { message: 'access denied', color: colors.red }
        const problem = addressProblem(component)
        if (problem !== undefined) return invalidRequest(problem)
        const { tag, sha, found } = await releases.add(JSON.stringify(component))
        if (found === 0) return await stateOfMissing(component)
        if (found > 1) return { message: 'multiple found', color: colors.yellow }
        return { message: tag || sha?.slice(0, 'sha256:'.length + 12) || 'unknown', color: colors.green }
      } catch (error) {
        log.warn({ err: error }, 'Could not read the state of a badge')
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

const notDeployed: BadgeState = { message: 'not deployed', color: colors.grey }
const invalidRequest = (problem: string): BadgeState => ({
  message: 'invalid request',
  color: colors.red,
  problem,
})
const unknownKind =
  'kind: no workload of this kind has been recorded for the client; kinds are case-sensitive, such as Deployment, and a custom resource may be written with its API group, such as Rollout.argoproj.io'

const shape = z.object({
  clientName: name,
  envName: name,
  kind: z.object({ kind: names.kind, group: names.group.optional() }),
  workload: names.workload,
  container: names.container,
  namespace: names.namespace.optional(),
})

/** @returns the first invalid part of the address with what is expected there; undefined for a valid address. */
function addressProblem(component: BadgeKey): string | undefined {
  const [issue] = shape.safeParse(component).error?.issues ?? []
  return issue && `${partNames[String(issue.path[0])] ?? 'address'}: ${issue.message}`
}

const partNames: Record<string, string> = {
  clientName: 'client',
  envName: 'env',
  kind: 'kind',
  workload: 'workload',
  container: 'container',
  namespace: 'namespace',
}

const toKey = (text: string): BadgeKey => JSON.parse(text)

/** Looks up each distinct text once. @returns a result for each of the given texts, in order. */
async function once<T>(all: string[], lookUp: (unique: string[]) => Promise<T[]>): Promise<T[]> {
  const unique = [...new Set(all)]
  const found = await lookUp(unique)
  const byText = new Map(unique.map((text, n) => [text, found[n] as T]))
  return all.map((text) => byText.get(text) as T)
}

function isInside(scope: BadgeScope, requested: BadgeKey): boolean {
  if (scope.clientName !== requested.clientName) return false
  if (scope.component === undefined) return true
  const { envName, namespace, kind, workload, container } = scope.component
  const sameKind =
    kind.kind === requested.kind.kind && (kind.group === undefined || kind.group === requested.kind.group)
  const sameName =
    envName === requested.envName && workload === requested.workload && container === requested.container
  return sameKind && sameName && (namespace === null || namespace === requested.namespace)
}
