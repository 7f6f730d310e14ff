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
  /** True lets a missing password be generated. */
  embedded: boolean
  log: Logger
}

/** `generatedPassword` is there only in the process that made it: to be shown once, and kept nowhere. */
export type FirstAdmin = { created: false } | { created: true; generatedPassword?: string }

/**
 * Makes the first administrator if there is no user at all. Any number of processes may call it at once.
 * @throws ConfigError when the password is missing outside the embedded default.
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
  log.info({ event: 'first-admin', account: admin.username }, 'the first administrator was created')
  return admin.password === undefined ? { created, generatedPassword: password } : { created }
}
