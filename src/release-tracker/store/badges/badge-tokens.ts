import type { Knex } from 'knex'
import type { KindName } from '../../kinds.ts'

/** What a badge token opens: one component, or all of a client. */
export interface BadgeScope {
  clientName: string
  component:
    | { envName: string; namespace: string | null; kind: KindName; workload: string; container: string }
    | undefined
}

export interface BadgeToken extends BadgeScope {
  id: string
  createdBy: string
  createdAt: Date
}

export async function insertBadgeToken(
  db: Knex,
  token: { id: string; hash: Buffer; scope: BadgeScope; createdBy: string },
): Promise<BadgeToken> {
  const { scope } = token
  const [row] = await db('tracker_badge_tokens')
    .insert({
      id: token.id,
      token_hash: token.hash,
      client_name: scope.clientName,
      env_name: scope.component?.envName ?? null,
      namespace: scope.component?.namespace ?? null,
      kind: scope.component?.kind.kind ?? null,
      api_group: scope.component?.kind.group ?? null,
      workload: scope.component?.workload ?? null,
      container: scope.component?.container ?? null,
      created_by: token.createdBy,
    })
    .returning('*')
  return toToken(row)
}

/** Newest first. */
export async function listBadgeTokens(db: Knex, clientName: string | undefined): Promise<BadgeToken[]> {
  const rows: BadgeTokenRow[] = await db('tracker_badge_tokens')
    .modify((query) => clientName === undefined || query.where({ client_name: clientName }))
    .orderBy('created_at', 'desc')
    .limit(1000)
  return rows.map(toToken)
}

/** @returns false if there is no such token, or the client may not revoke it */
export async function deleteBadgeToken(
  trx: Knex.Transaction,
  id: string,
  clientName: string | undefined,
): Promise<boolean> {
  const gone = await trx('tracker_badge_tokens')
    .where({ id })
    .modify((query) => clientName === undefined || query.where({ client_name: clientName }))
    .delete()
  return gone > 0
}

/** The scopes of tokens by their hashes (hexadecimal), in order. */
export async function findBadgeScopes(db: Knex, hashes: string[]): Promise<(BadgeScope | undefined)[]> {
  const rows: (BadgeTokenRow & { token_hash: Buffer })[] = await db('tracker_badge_tokens').whereIn(
    'token_hash',
    hashes.map((hash) => Buffer.from(hash, 'hex')),
  )
  const byHash = new Map(rows.map((row) => [row.token_hash.toString('hex'), toToken(row)]))
  return hashes.map((hash) => byHash.get(hash))
}

interface BadgeTokenRow {
  id: string
  client_name: string
  env_name: string | null
  namespace: string | null
  kind: string | null
  api_group: string | null
  workload: string | null
  container: string | null
  created_by: string
  created_at: Date
}

function toToken(row: BadgeTokenRow): BadgeToken {
  const { env_name: envName, namespace, kind, workload, container } = row
  const one = envName !== null && kind !== null && workload !== null && container !== null
  return {
    id: row.id,
    clientName: row.client_name,
    component: one
      ? { envName, namespace, kind: { kind, group: row.api_group ?? undefined }, workload, container }
      : undefined,
    createdBy: row.created_by,
    createdAt: row.created_at,
  }
}
