import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { ExpressAdapter } from '@bull-board/express'
import { type NextFunction, type Request, type RequestHandler, type Response, Router } from 'express'
import type { Knex } from 'knex'
import { signInUrl } from '../accounts/index.ts'
import { type Authenticate, authorise } from '../platform/auth.ts'
import { CodedError } from '../platform/errors.ts'
import type { JobVerbs } from '../platform/jobs/index.ts'
import type { Logger } from '../platform/logging.ts'
import type { Queues } from '../platform/queues/index.ts'
import type { RateLimits } from '../platform/rate-limit/index.ts'
import { consoleActions } from './actions.ts'
import { redact } from './redact.ts'

export interface ConsoleOptions {
  accounts: { authenticate: Authenticate }
  db: Knex
  log: Logger
  queues: Queues
  queueNames: readonly string[]
  verbs: JobVerbs
  limits: RateLimits
}

const base = '/admin/queues'

/** Bull Board at `/admin/queues`, for holders of `console:admin` only. */
export function createConsole(options: ConsoleOptions): Router {
  let board: RequestHandler | undefined
  const router = Router()
  router.use(base, guard(options), whileStoreAnswers(options.queues), consoleActions(options), (...args) => {
    // Made at the first request: before the queue store is available its queues can't be.
    board ??= createBoard(options)
    return board(...args)
  })
  return router
}

function createBoard(options: ConsoleOptions): RequestHandler {
  const adapter = new ExpressAdapter()
  adapter.setBasePath(base)
  createBullBoard({
    queues: options.queueNames.map((name) => new BullMQAdapter(options.queues.get(name))),
    serverAdapter: adapter,
    options: {
      uiConfig: { boardTitle: 'Capstan', hideDocsLink: true },
      handlerHooks: {
        after: (_context, result) => ({ ...result, body: redact(result.body) as Record<string, unknown> }),
      },
    },
  })
  // Its own handler answers with the thrown text, past the redaction above.
  adapter.setErrorHandler((error) => {
    options.log.warn({ err: error }, 'the console failed')
    return { status: 500, body: { error: { key: 'ERRORS.INTERNAL_SERVER_ERROR' } } }
  })
  return adapter.getRouter()
}

/** Commands to a queue store that is away wait for it; a page should not. */
function whileStoreAnswers(queues: Queues) {
  return (_req: Request, _res: Response, next: NextFunction) => {
    if (queues.available()) return next()
    next(new CodedError('SYS_002', 'The queue store is away; see GET /jobs for the jobs', { retryAfter: 5 }))
  }
}

/** A browser without a session goes to the sign-in page; everybody else gets the envelope. */
function guard({ accounts, limits }: ConsoleOptions) {
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
      if (isSignInNeeded(error) && wantsPage(req)) return res.redirect(302, signInUrl(req.originalUrl))
      next(error)
    }
  }
}

function isSignInNeeded(error: unknown): boolean {
  return error instanceof CodedError && (error.code === 'ACCESS_001' || error.code === 'ACCESS_002')
}

function wantsPage(req: Request): boolean {
  const page =
    req.method === 'GET' && !req.path.startsWith('/api/') && req.headers.authorization === undefined
  return page && req.accepts(['json', 'html']) === 'html'
}
