import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import type { RateLimitRule } from '../../platform/config/index.ts'
import { ConfigError } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logging/logging.ts'
import type { FirstAdminConfig } from '../config.ts'
import { hasUsers, lockFirstUser } from '../store/users.ts'
import { addUser } from './administration.ts'
import { createPasswords } from './passwords.ts'

export interface FirstAdminOptions {
  db: Knex
  admin: FirstAdminConfig
  rateLimit: RateLimitRule
  /** Embedded mode: a missing password is generated. */
  embedded: boolean
  log: Logger
}

/** `generatedPassword` is set only in the process that generated it, which shows it once; it is not stored. */
export type FirstAdmin = { created: false } | { created: true; generatedPassword?: string }

/**
 * Creates the first administrator if no user exists. Several processes may call it concurrently.
 * @throws ConfigError if the password is missing outside embedded mode
 */
export async function ensureFirstAdmin(options: FirstAdminOptions): Promise<FirstAdmin> {
  const { db, admin, rateLimit, embedded, log } = options
  if (await hasUsers(db)) return { created: false }
  if (admin.password === undefined && !embedded) {
    throw new ConfigError(['ADMIN_PASSWORD: required for the first start'])
  }
  const password = admin.password ?? randomBytes(18).toString('base64url')
  const passwordHash = await createPasswords().hash(password)
  const created = await db.transaction(async (trx) => {
    await lockFirstUser(trx)
    if (await hasUsers(trx)) return false
    const { username, email } = admin
    await addUser(trx, { username, email, passwordHash, isAdmin: true, rateLimit })
    return true
  })
  if (!created) return { created }
  log.info({ event: 'first-admin', account: admin.username }, 'first administrator created')
  return admin.password === undefined ? { created, generatedPassword: password } : { created }
}
