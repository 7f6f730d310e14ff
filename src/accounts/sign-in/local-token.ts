import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { Permission } from '../../platform/auth.ts'
import { hashOf, newApiToken } from '../credentials/credentials.ts'
import { insertToken, revokeTokensNamed } from '../store/api-tokens.ts'
import { firstActiveAdmin, lockUser } from '../store/users.ts'

/**
 * Creates a token of the first active administrator, for a program with direct access to the database. It replaces the
 * previous token of this name. @returns the token in plain text, only this once; undefined without an administrator
 */
export function createLocalToken(
  db: Knex,
  request: { name: string; scopes: Permission[] },
): Promise<string | undefined> {
  return db.transaction(async (trx) => {
    const id = await firstActiveAdmin(trx)
    const user = id === undefined ? undefined : await lockUser(trx, id)
    if (user === undefined) return undefined
    const token = newApiToken()
    await revokeTokensNamed(trx, { userId: user.id, name: request.name })
    const row = { id: randomUUID(), userId: user.id, ...request, createdAt: new Date() }
    await insertToken(
      trx,
      { ...row, expiresAt: null, isRevoked: false, lastUsedAt: null },
      {
        hash: hashOf(token),
        parentId: null,
      },
    )
    return token
  })
}
