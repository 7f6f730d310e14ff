import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { RateLimitRule } from '../../platform/config/index.ts'
import { CodedError, conflict } from '../../platform/errors.ts'
import { isCheckViolation, isUniqueViolation } from '../../platform/postgres/db.ts'
import type { Secrets } from '../../platform/secrets.ts'
import { hashOf, newApiToken } from '../credentials/credentials.ts'
import { createLoginLimits } from '../sign-in/login-limits.ts'
import { insertToken } from '../store/api-tokens.ts'
import { findUserByName, insertUser } from '../store/users.ts'
import { replacePassword } from './account-changes.ts'
import { createPasswords } from './passwords.ts'

interface NewAccount {
  username: string
  email: string
  passwordHash: string
  isAdmin: boolean
  rateLimit: RateLimitRule
}

/**
 * @returns the new user's id @throws STATE_001 for a name or e-mail that is taken, in whatever letter case.
 */
export async function addUser(db: Knex, account: NewAccount): Promise<string> {
  const id = randomUUID()
  const { rateLimit, ...rest } = account
  try {
    const limits = { rateLimitPerSecond: rateLimit.perSecond, rateLimitBurst: rateLimit.burst }
    await insertUser(db, { id, ...rest, ...limits })
  } catch (error) {
    throw refusalOf(error)
  }
  return id
}

/** What the database's rules for users say to a caller; any other error as it is. */
export function refusalOf(error: unknown): unknown {
  if (isUniqueViolation(error, 'users_username')) return conflict('Username already exists')
  if (isUniqueViolation(error, 'users_email')) return conflict('Email already exists')
  if (isCheckViolation(error, 'users_last_admin'))
    return conflict("The last active administrator can't be removed, demoted or deactivated")
  return error
}

type Created = { outcome: 'created'; token: string } | { outcome: 'taken'; reason: string }

/** An administrator with an unlimited API token, both or neither. The token is returned for this once. */
export async function createAdmin(
  db: Knex,
  account: { username: string; email: string; password: string; rateLimit: RateLimitRule },
): Promise<Created> {
  const passwordHash = await createPasswords().hash(account.password)
  const token = newApiToken()
  try {
    await db.transaction(async (trx) => {
      const { username, email, rateLimit } = account
      const userId = await addUser(trx, { username, email, passwordHash, isAdmin: true, rateLimit })
      const row = { id: randomUUID(), userId, name: 'Initial Admin Token', createdAt: new Date() }
      const unlimited = { scopes: null, expiresAt: null, isRevoked: false, lastUsedAt: null }
      await insertToken(trx, { ...row, ...unlimited }, { hash: hashOf(token), parentId: null })
    })
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STATE_001') {
      return { outcome: 'taken', reason: error.message }
    }
    throw error
  }
  return { outcome: 'created', token }
}

/**
 * Sets a password from the server itself: ends sessions and tokens, and lifts the limit of failed sign-ins.
 */
export async function resetPassword(
  { db, secrets }: { db: Knex; secrets: Secrets },
  username: string,
  password: string,
): Promise<boolean> {
  const user = await findUserByName(db, username)
  if (user === undefined) return false
  const passwordHash = await createPasswords().hash(password)
  await db.transaction((trx) => replacePassword(trx, { userId: user.id, passwordHash }))
  await createLoginLimits(db, secrets).clear(user.id)
  return true
}
