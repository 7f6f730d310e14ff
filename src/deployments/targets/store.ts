import type { Knex } from 'knex'
import type { Environment } from '../config.ts'

export interface StoredCredentials {
  accountId: string
  sealedToken: string
  updatedAt: Date
}

export async function findCredentials(
  db: Knex,
  environment: Environment,
): Promise<StoredCredentials | undefined> {
  const row = await db('cloudflare_credentials').where({ environment }).first()
  if (row === undefined) return undefined
  return { accountId: row.account_id, sealedToken: row.sealed_token, updatedAt: row.updated_at }
}

export async function putCredentials(
  db: Knex,
  environment: Environment,
  given: { accountId: string; sealedToken: string; updatedBy: string },
): Promise<Date> {
  const { accountId, sealedToken, updatedBy } = given
  const change = { account_id: accountId, sealed_token: sealedToken, updated_by: updatedBy }
  const [row] = await db('cloudflare_credentials')
    .insert({ environment, ...change })
    .onConflict('environment')
    .merge({ ...change, updated_at: db.raw('clock_timestamp()') as never })
    .returning('updated_at')
  return row.updated_at
}

export async function deleteCredentials(db: Knex, environment: Environment): Promise<void> {
  await db('cloudflare_credentials').where({ environment }).delete()
}

/** Replaces the seal of a token, unless the token was replaced meanwhile. @returns true if it was resealed */
export async function resealToken(
  db: Knex,
  environment: Environment,
  seals: { old: string; new: string },
): Promise<boolean> {
  const sealed = db('cloudflare_credentials').where({ environment, sealed_token: seals.old })
  return (await sealed.update({ sealed_token: seals.new })) === 1
}
