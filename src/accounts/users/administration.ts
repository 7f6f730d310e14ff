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
 * @returns the new user's id. @throws STATE_001 if the name or e-mail is taken, ignoring case
 */
export async function addUser(db: Knex, account: NewAccount): Promise<string> {
  const id = randomUUID()
  const { rateLimit, ...rest } = account
  try {
    const limits = { rateLimitPerSecond: rateLimit.perSecond, rateLimitBurst: rateLimit.burst }
    await insertUser(db, { id, ...rest, ...limits })
  } catch (error) {
    throw toUserError(error)
  }
  return id
}

/** Maps violations of the database's constraints on users to API errors; returns any other error unchanged. */
export function toUserError(error: unknown): unknown {
  if (isUniqueViolation(error, 'users_username')) return conflict('Username already exists')
  if (isUniqueViolation(error, 'users_email')) return conflict('Email already exists')
  if (isCheckViolation(error, 'users_last_admin'))
    return conflict('The last active administrator cannot be removed, demoted or deactivated')
  return error
}

type CreateAdminResult = { outcome: 'created'; token: string } | { outcome: 'taken'; reason: string }

/** Creates an administrator and an unlimited API token in one transaction. The token is returned only this once. */
export async function createAdmin(
  db: Knex,
  account: { username: string; email: string; password: string; rateLimit: RateLimitRule },
): Promise<CreateAdminResult> {
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
 * Sets a user's password, ends the user's sessions and tokens, and resets the limit of failed sign-ins.
 * @returns false if the user does not exist
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
