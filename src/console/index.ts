import { type NextFunction, type Request, type RequestHandler, type Response, Router } from 'express'
import { signInUrl } from '../accounts/index.ts'
import { type Authenticate, authorise } from '../platform/auth.ts'
import { unavailable } from '../platform/errors.ts'
import { isSignInNeeded, wantsPage } from '../platform/http/protection/sign-in-needed.ts'
import { type Route, route } from '../platform/http/route.ts'
import type { JobActions } from '../platform/jobs/index.ts'
import type { Logger } from '../platform/logging/logging.ts'
import { operationsOf } from '../platform/operations/operation.ts'
import type { Queues } from '../platform/queues/index.ts'
import type { RateLimits } from '../platform/rate-limit/index.ts'
import { consoleActions } from './actions.ts'
import type { BoardOptions } from './board.ts'

const operation = operationsOf('console', () => import('./operations.ts'))

export interface ConsoleOptions extends BoardOptions {
  accounts: { authenticate: Authenticate }
  log: Logger
  jobActions: JobActions
  limits: RateLimits
}

const base = '/admin/queues'

/** Redirects `/admin`, the short address that the start-up prints, to the console, which requires signing in. */
export function consoleRoutes(): Route[] {
  return [
    route({
      ...operation('openConsole'),
      method: 'get',
      path: '/admin',
      access: 'open',
      limit: 'address',
      csrf: false,
      handle({ res }) {
        res.redirect(302, base)
        return undefined
      },
    }),
  ]
}

/** Bull Board at `/admin/queues`, for holders of `console:admin` only. */
export function createConsole(options: ConsoleOptions): Router {
  let board: Promise<RequestHandler> | undefined
  const router = Router()
  router.use(
    base,
    requireAdmin(options),
    requireQueueStore(options.queues),
    consoleActions(options),
    async (...args) => {
      // Created at the first request: the queues exist only once the queue store is available, and few processes need
      // the library.
      board ??= import('./board.ts').then(({ createBoard }) => createBoard(base, options))
      return (await board)(...args)
    },
  )
  return router
}

/** Answers 503 while the queue store is unreachable, because commands would wait for it. */
function requireQueueStore(queues: Queues) {
  return (_req: Request, _res: Response, next: NextFunction) => {
    if (queues.available()) return next()
    next(unavailable('The queue store is unreachable; GET /jobs still lists the jobs', { retryAfter: 5 }))
  }
}

/** Requires `console:admin`. A browser without a session is redirected to the sign-in page; others get an error. */
function requireAdmin({ accounts, limits }: ConsoleOptions) {
  return async (req: Request, res: Response, next: NextFunction) => {
    res.setHeader('Cache-Control', 'no-store')
    try {
      const principal = await accounts.authenticate({
        headers: req.headers,
        method: req.method,
        address: req.ip ?? '',
      })
      await limits.charge(principal === undefined ? { address: req.ip ?? '' } : { principal }, res)
      authorise('console:admin', principal)
      res.locals.principal = principal?.name
      res.locals.actor = principal
      next()
    } catch (error) {
      if (isSignInNeeded(error) && isPage(req) && wantsPage(req))
        return res.redirect(302, signInUrl(req.originalUrl))
      next(error)
    }
  }
}

/** False for the library's API, which its page calls. */
const isPage = (req: Request) => !req.path.startsWith('/api/')
