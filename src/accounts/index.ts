import type { Knex } from 'knex'
import type { Authenticate } from '../platform/auth.ts'
import { databaseTime } from '../platform/clock.ts'
import type { PlatformConfig } from '../platform/config/index.ts'
import type { Route } from '../platform/http/route.ts'
import type { Logger } from '../platform/logging/logging.ts'
import type { Service } from '../platform/process/lifecycle.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { AccountsContext } from './context.ts'
import { authenticate } from './credentials/authenticate.ts'
import { createBadCredentialLimiter } from './credentials/bad-credential-limiter.ts'
import { cookiesOf } from './credentials/cookies.ts'
import { createJwts } from './credentials/jwt.ts'
import { type ChangeListener, createPrincipalCache } from './credentials/principal-cache.ts'
import { createTokenUse } from './credentials/token-use.ts'
import { apiRoutes } from './routes/api.ts'
import { browserRoutes } from './routes/browser.ts'
import { userRoutes } from './routes/users.ts'
import { placeLifetimeSeconds } from './sign-in/browser-id.ts'
import { createLoginLimits, longestWindowMs } from './sign-in/login-limits.ts'
import { sessionLifetimeMs } from './sign-in/sign-in.ts'
import { createTurns } from './sign-in/turns.ts'
import { correctFutureTimes, deleteExpired } from './store/expired.ts'
import { createPasswords } from './users/passwords.ts'

export { AccountPrincipal } from './principal.ts'
export { createLocalToken } from './sign-in/local-token.ts'
export { ensureFirstAdmin } from './users/first-admin.ts'

export interface AccountsOptions {
  db: Knex
  secrets: Secrets
  config: Pick<PlatformConfig, 'publicUrl' | 'rateLimits'>
  log: Logger
  /** Reports account changes of other processes; without it every request queries the database. */
  listener?: ChangeListener
  now?: () => Date
  /** Resolves once `now` is accurate enough for stored times. */
  clockMeasured?: () => Promise<void>
}

/** Users, sessions and API tokens. As a service it periodically stores when tokens were last used. */
export interface Accounts extends Service {
  /** Accepts a Bearer (API token or JWT), or the session cookie with its CSRF token. Returns an `AccountPrincipal`. */
  authenticate: Authenticate
  routes: Route[]
}

/** Maximum sign-ins of one address that run or wait: the burst of its bucket (`RATE_LIMIT_ADDRESS_BURST`). */
const maxQueuedSignIns = 200

export function createAccounts(options: AccountsOptions): Accounts {
  const { db, secrets, log, config, now = () => new Date(), clockMeasured = async () => undefined } = options
  const context: AccountsContext = {
    db,
    secrets,
    log,
    now,
    clockMeasured,
    cookies: cookiesOf(config.publicUrl),
    passwords: createPasswords(),
    jwts: createJwts(secrets, now),
    limits: createLoginLimits(db, secrets),
    turns: createTurns(maxQueuedSignIns),
    tokenUse: createTokenUse(db, log),
    principals: createPrincipalCache({ listener: options.listener, now }),
    badCredentials: createBadCredentialLimiter(config.rateLimits.address),
    rateLimits: config.rateLimits,
  }
  return {
    name: 'accounts',
    authenticate: (credentials) => authenticate(context, credentials),
    routes: [...apiRoutes(context), ...userRoutes(context), ...browserRoutes(context, config.publicUrl)],
    start: () => context.tokenUse.start(),
    stop: () => context.tokenUse.stop(),
  }
}

/** The sign-in URL for a browser; after signing in it returns to `next`, a path of this server. */
export function signInUrl(next: string): string {
  return `/login?next=${encodeURIComponent(next)}`
}

/**
 * Removes expired sessions, revocations, counts of wrong passwords and sign-in places, and corrects times in the
 * future. Called by the maintenance job.
 * @returns the number of deleted rows
 */
export async function pruneAccounts(db: Knex, now?: Date): Promise<number> {
  await correctFutureTimes(db, {
    sessions: sessionLifetimeMs / 1000,
    login_limits: longestWindowMs / 1000,
    sign_in_places: placeLifetimeSeconds,
  })
  // Uses the database's clock: a revocation deleted too early would make its token valid again.
  return deleteExpired(db, now ?? (await databaseTime(db)))
}
