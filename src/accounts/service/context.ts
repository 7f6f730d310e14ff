import type { Knex } from 'knex'
import type { RateLimitConfig } from '../../platform/config/index.ts'
import type { Logger } from '../../platform/logging.ts'
import type { Secrets } from '../../platform/secrets.ts'
import type { Guesses } from './guesses.ts'
import type { Jwts } from './jwt.ts'
import type { LoginLimits } from './login-limits.ts'
import type { Passwords } from './passwords.ts'
import type { PrincipalCache } from './principal-cache.ts'
import type { TokenUse } from './token-use.ts'
import type { Turns } from './turns.ts'

/** What the verbs of this folder work with; built once by `createAccounts`. */
export interface AccountsContext {
  db: Knex
  secrets: Secrets
  log: Logger
  now(): Date
  passwords: Passwords
  jwts: Jwts
  limits: LoginLimits
  /** Of sign-ins to one account from one of its places, and of those from one address at which the account is not known. */
  turns: Turns
  tokenUse: TokenUse
  principals: PrincipalCache
  guesses: Guesses
  /** What new users start with. */
  rateLimits: Pick<RateLimitConfig, 'user' | 'admin'>
}
