import type { Knex } from 'knex'
import type { RateLimitConfig } from '../platform/config/index.ts'
import type { Logger } from '../platform/logging/logging.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { Guesses } from './credentials/bad-credential-limiter.ts'
import type { Cookies } from './credentials/cookies.ts'
import type { Jwts } from './credentials/jwt.ts'
import type { PrincipalCache } from './credentials/principal-cache.ts'
import type { TokenUse } from './credentials/token-use.ts'
import type { LoginLimits } from './sign-in/login-limits.ts'
import type { Turns } from './sign-in/turns.ts'
import type { Passwords } from './users/passwords.ts'

/** What the verbs of this folder work with; built once by `createAccounts`. */
export interface AccountsContext {
  db: Knex
  secrets: Secrets
  log: Logger
  now(): Date
  /** Awaited before a time is stored that decides how long a credential lasts. */
  clockMeasured(): Promise<void>
  cookies: Cookies
  passwords: Passwords
  jwts: Jwts
  limits: LoginLimits
  /** Of sign-ins from one place, and of those to one account and from one address where the account is not known. */
  turns: Turns
  tokenUse: TokenUse
  principals: PrincipalCache
  guesses: Guesses
  /** What new users start with. */
  rateLimits: Pick<RateLimitConfig, 'user' | 'admin'>
}
