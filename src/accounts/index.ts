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
import { createGuesses } from './credentials/bad-credential-limiter.ts'
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

export { registerAccountCommands } from './commands.ts'
export { AccountPrincipal } from './principal.ts'
export { createLocalToken } from './sign-in/local-token.ts'
export { ensureFirstAdmin } from './users/first-admin.ts'

export interface AccountsOptions {
  db: Knex
  secrets: Secrets
  config: Pick<PlatformConfig, 'publicUrl' | 'rateLimits'>
  log: Logger
  /** Tells of changes that other processes make; without it every request asks the database. */
  listener?: ChangeListener
  now?: () => Date
  /** Resolves once `now` can be trusted with times that are stored. */
  clockMeasured?: () => Promise<void>
}

/** Users, sessions and API tokens. As a service it writes when tokens were last used. */
export interface Accounts extends Service {
  /** Bearer (API token or JWT) or the session cookie with its CSRF token. Makes an `AccountPrincipal`. */
  authenticate: Authenticate
  routes: Route[]
}

/** From one address; as many as its bucket lets through at once (`RATE_LIMIT_ADDRESS_BURST`). */
const waitingSignIns = 200

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
    turns: createTurns(waitingSignIns),
    tokenUse: createTokenUse(db, log),
    principals: createPrincipalCache({ listener: options.listener, now }),
    guesses: createGuesses(config.rateLimits.address),
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

/** Where a page sends a browser that is not signed in; it comes back to `next`, a path of this server. */
export function signInUrl(next: string): string {
  return `/login?next=${encodeURIComponent(next)}`
}

/**
 * Removes sessions, revocations, counts of wrong passwords and places of sign-ins that are over, and corrects times in the
 * future. For the maintenance job.
 * @returns rows deleted.
 */
export async function pruneAccounts(db: Knex, now?: Date): Promise<number> {
  await correctFutureTimes(db, {
    sessions: sessionLifetimeMs / 1000,
    login_limits: longestWindowMs / 1000,
    sign_in_places: placeLifetimeSeconds,
  })
  // By the database's clock: a revocation that goes early lets its token in again.
  return deleteExpired(db, now ?? (await databaseTime(db)))
}
