import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { Permission } from '../../platform/auth.ts'
import { hashOf, newApiToken } from '../credentials/credentials.ts'
import { insertToken, revokeTokensNamed } from '../store/api-tokens.ts'
import { firstActiveAdmin, lockUser } from '../store/users.ts'

/**
 * A token of the first active administrator, for a program that may open the database anyway. It takes the place of
 * the one that had this name before. @returns it in clear, for this once; undefined when there is no administrator
 */
export function createLocalToken(
  db: Knex,
  wanted: { name: string; scopes: Permission[] },
): Promise<string | undefined> {
  return db.transaction(async (trx) => {
    const id = await firstActiveAdmin(trx)
    const user = id === undefined ? undefined : await lockUser(trx, id)
    if (user === undefined) return undefined
    const token = newApiToken()
    await revokeTokensNamed(trx, { userId: user.id, name: wanted.name })
    const row = { id: randomUUID(), userId: user.id, ...wanted, createdAt: new Date() }
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
