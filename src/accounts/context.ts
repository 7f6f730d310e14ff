import type { Knex } from 'knex'
import type { RateLimitConfig } from '../platform/config/index.ts'
import type { Logger } from '../platform/logging/logging.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { BadCredentialLimiter } from './credentials/bad-credential-limiter.ts'
import type { Cookies } from './credentials/cookies.ts'
import type { Jwts } from './credentials/jwt.ts'
import type { PrincipalCache } from './credentials/principal-cache.ts'
import type { TokenUse } from './credentials/token-use.ts'
import type { LoginLimits } from './sign-in/login-limits.ts'
import type { Turns } from './sign-in/turns.ts'
import type { Passwords } from './users/passwords.ts'

/** The dependencies of the functions in this folder, built once by `createAccounts`. */
export interface AccountsContext {
  db: Knex
  secrets: Secrets
  log: Logger
  now(): Date
  /** Resolves once the clock is accurate; await it before storing a time that limits a credential's lifetime. */
  clockMeasured(): Promise<void>
  cookies: Cookies
  passwords: Passwords
  jwts: Jwts
  limits: LoginLimits
  /** Serializes sign-ins: from one known place, or from elsewhere to one account and from one address. */
  turns: Turns
  tokenUse: TokenUse
  principals: PrincipalCache
  badCredentials: BadCredentialLimiter
  /** The initial rate limits of new users. */
  rateLimits: Pick<RateLimitConfig, 'user' | 'admin'>
}
