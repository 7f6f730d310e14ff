import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { notFound } from '../../platform/errors.ts'
import type { Listener } from '../../platform/events/index.ts'
import { clientOf, type KeyRing, requireClient } from '../access.ts'
import type { TrackerContext } from '../context.ts'
import {
  type BadgeScope,
  type BadgeToken,
  deleteBadgeToken,
  findBadgeScopes,
  insertBadgeToken,
  listBadgeTokens,
} from '../store/badge-tokens.ts'
import { type BadgeKey, findForBadges } from '../store/releases.ts'
import { type Badge, colors } from './draw.ts'
import { createRecent } from './recent.ts'

/** Recognisable in a leak; what follows is 256 random bits. */
const tokenShape = /^obt_[A-Za-z0-9_-]{43}$/
const hashOf = (token: string) => createHash('sha256').update(token).digest()

export interface BadgesOptions {
  ring: KeyRing
  /** Hears of what other processes write. */
  listener: Pick<Listener, 'on' | 'onConnect' | 'connected'>
}

type Access = 'granted' | 'denied' | 'unknown'
type Said = Omit<Badge, 'label'>
type Running = Awaited<ReturnType<typeof findForBadges>>[number]

export interface Badges {
  /**
   * What a badge says, as it was a second ago at most. Faults are badges, too: a page that shows one can't show an
   * error.
   */
  read(key: string, of: BadgeKey): Said | Promise<Said>
  /** @returns the token, which is shown this once. @throws ACCESS_003 */
  create(principal: Principal, scope: BadgeScope): Promise<{ token: string; row: BadgeToken }>
  list(principal: Principal, clientName: string | undefined): Promise<BadgeToken[]>
  /** @throws SYS_005 */
  revoke(trx: Knex.Transaction, principal: Principal, id: string): Promise<void>
  /** What this process has written shows at once. */
  forget(): void
}

export function createBadges({ db, log }: TrackerContext, { ring, listener }: BadgesOptions): Badges {
  const scopes = createRecent((hashes) => findBadgeScopes(db, hashes), listener)
  const releases = createRecent((keys) => findForBadges(db, keys.map(toKey)), listener)
  const forget = () => {
    scopes.forget()
    releases.forget()
  }
  listener.on('tracker_changes', forget)
  listener.onConnect(forget)

  function access(key: string, of: BadgeKey): Access | Promise<Access> {
    if (tokenShape.test(key)) {
      const scope = scopes.get(hashOf(key).toString('hex'))
      return scope instanceof Promise ? scope.then((each) => ofScope(each, of)) : ofScope(scope, of)
    }
    const principal = ring(key)
    if (principal === undefined) return 'unknown'
    return [undefined, of.clientName].includes(principal.client) ? 'granted' : 'denied'
  }

  /** Only what may be seen is looked up. */
  async function asked(
    may: Access | Promise<Access>,
    release: Running | Promise<Running> | undefined,
    of: BadgeKey,
  ): Promise<Said> {
    try {
      const verdict = await may
      if (verdict !== 'granted') return said(verdict, undefined)
      return said(verdict, await (release ?? releases.get(JSON.stringify(of))))
    } catch (error) {
      log.warn({ err: error }, 'a badge could not be read')
      return { message: 'query error', color: colors.red }
    }
  }

  return {
    read(key, of) {
      const may = access(key, of)
      const release = may === 'granted' ? releases.get(JSON.stringify(of)) : undefined
      // As a rule both are remembered: then nothing is waited for.
      if (!(may instanceof Promise || release instanceof Promise)) return said(may, release)
      return asked(may, release, of)
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

    forget,
  }
}

function said(may: Access, release: Running | undefined): Said {
  if (may === 'unknown') return { message: 'unauthorized', color: colors.red }
  if (may === 'denied' || release === undefined) return { message: 'access denied', color: colors.red }
  const { tag, sha, namespaces } = release
  if (namespaces === 0) return { message: 'not deployed', color: colors.grey }
  if (namespaces > 1) return { message: 'multiple found', color: colors.yellow }
  return { message: tag || sha.slice(0, 'sha256:'.length + 12), color: colors.green }
}

const toKey = (text: string): BadgeKey => JSON.parse(text)

function ofScope(scope: BadgeScope | undefined, of: BadgeKey): Access {
  if (scope === undefined) return 'unknown'
  return isInside(scope, of) ? 'granted' : 'denied'
}

function isInside({ clientName, component }: BadgeScope, of: BadgeKey): boolean {
  if (clientName !== of.clientName) return false
  if (component === undefined) return true
  const { envName, namespace, kind, workload, container } = component
  const same =
    envName === of.envName && kind === of.kind && workload === of.workload && container === of.container
  return same && (namespace === null || namespace === of.namespace)
}
