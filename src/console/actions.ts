import { type NextFunction, type Request, type Response, Router } from 'express'
import type { Knex } from 'knex'
import { CodedError, conflict, forbidden } from '../platform/errors.ts'
import { correlationIdOf } from '../platform/http/index.ts'
import type { JobActions } from '../platform/jobs/index.ts'
import type { Logger } from '../platform/logging/logging.ts'

export interface ActionOptions {
  db: Knex
  log: Logger
  jobActions: JobActions
}

/** Deliveries are named `<row id>-<delivery number>`. */
const deliveryId = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(\d+)$/

/**
 * Handles every write of the console before Bull Board does. Retrying and removing a job changes its row, which is
 * authoritative; pausing queues and clearing records of finished deliveries change no row and are forwarded to the
 * library; every other write is refused. Each write is audited.
 */
export function consoleActions(options: ActionOptions): Router {
  const { db, jobActions } = options
  const router = Router()

  router.put('/api/queues/:queue/:delivery/retry', async (req, res) => {
    await audited(options, { req, res, outcome: 'done' }, (trx) =>
      jobActions.retry(trx, rowOf(req), res.locals.actor),
    )
    res.status(204).end()
  })

  router.put('/api/queues/:queue/:delivery/clean', async (req, res, next) => {
    const row = await db('jobs')
      .where({ id: rowOf(req) })
      .first('finished_at', 'delivery')
    // Removing the record of an earlier delivery must not affect the job, which may be running in a later one.
    const current = row !== undefined && row.finished_at === null && row.delivery === numberOf(req)
    if (!current) return forward(req, res, next)
    await audited(options, { req, res, outcome: 'done' }, (trx) =>
      jobActions.cancel(trx, rowOf(req), res.locals.actor),
    )
    res.status(204).end()
  })

  router.put('/api/queues/:queue/clean/:status', (req, res, next) => {
    const { status } = req.params
    if (status === 'completed' || status === 'failed') return forward(req, res, next)
    return refuse(req, res)
  })

  for (const path of [
    '/api/queues/pause',
    '/api/queues/resume',
    '/api/queues/:queue/pause',
    '/api/queues/:queue/resume',
  ]) {
    router.put(path, forward)
  }

  /** Passes the request on to Bull Board, skipping the refusal at the end of this router. */
  async function forward(req: Request, res: Response, next: NextFunction) {
    await audited(options, { req, res, outcome: 'forwarded' }, async () => undefined)
    next('router')
  }

  async function refuse(req: Request, res: Response) {
    await audited(options, { req, res, outcome: 'refused' }, async () => undefined)
    const message =
      'The console can only retry or remove single jobs, pause queues and clear records of finished deliveries'
    throw forbidden(message, { suggestedAction: 'Use the /jobs API' })
  }

  router.use((req, res, next) => {
    if (req.method === 'GET' || req.method === 'HEAD') return next()
    return refuse(req, res)
  })
  return router
}

function rowOf(req: Request): string {
  const id = String(req.params.delivery).match(deliveryId)?.[1]
  if (id === undefined)
    throw conflict('This delivery belongs to no job: it was created by a schedule, or its id is unknown')
  return id
}

const numberOf = (req: Request) => Number(String(req.params.delivery).match(deliveryId)?.[2])

/** Runs the action and records it in one transaction; a refused action is recorded separately. */
async function audited(
  options: ActionOptions,
  request: { req: Request; res: Response; outcome: 'done' | 'refused' | 'forwarded' },
  work: (trx: Knex.Transaction) => Promise<unknown>,
): Promise<void> {
  const { req, res, outcome } = request
  const principal = String(res.locals.principal)
  const entry = { principal, action: `console ${req.method}`, target: req.path.slice(0, 500), outcome }
  const correlationId = correlationIdOf(res)
  const row = { ...entry, correlation_id: correlationId }
  try {
    await options.db.transaction(async (trx) => {
      await work(trx)
      await trx('audit_entries').insert(row)
    })
  } catch (error) {
    if (error instanceof CodedError) await options.db('audit_entries').insert({ ...row, outcome: 'refused' })
    throw error
  }
  options.log.info({ principal, action: entry.action, outcome, correlationId }, 'console write')
}
