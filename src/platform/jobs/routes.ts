import type { Knex } from 'knex'
import { z } from 'zod'
import { type EventHub, serveSse, streamHead } from '../events/index.ts'
import { decodeCursor, page } from '../http/cursor.ts'
import { type Route, route } from '../http/route.ts'
import { operationsOf } from '../operations/operation.ts'
import type { JobActions } from './actions.ts'
import { type Job, jobStates } from './definition.ts'
import { jobStream } from './execution/leases.ts'
import { listJobs } from './store.ts'

const operation = operationsOf('jobs', () => import('./operations.ts'))

const params = z.object({ id: z.uuid('expected a job id') })

const list = z.strictObject({
  queue: z.string().max(100).optional(),
  name: z.string().max(100).optional(),
  state: z.enum(jobStates).optional(),
  subject: z.string().max(200).optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** Credentials without an account may read the jobs that they started or have the permission to start. */
const schemes = ['tracker-key'] as const

/** The routes for jobs, the same for every domain: list, read, cancel, retry and events. */
export function jobRoutes(options: { db: Knex; hub: EventHub; jobActions: JobActions }): Route[] {
  const { db, hub, jobActions } = options
  return [
    route({
      ...operation('listJobs'),
      method: 'get',
      path: '/jobs',
      access: 'jobs:read',
      query: list,
      async handle({ query }) {
        const { cursor, limit, ...filter } = query
        const rows = await listJobs(db, { ...filter, before: decodeCursor(cursor), limit: limit + 1 })
        const { items, next } = page(rows, limit)
        return { body: { jobs: items.map(jobView), next_cursor: next } }
      },
    }),
    route({
      ...operation('getJob'),
      method: 'get',
      path: '/jobs/:id',
      access: 'jobs:watch',
      schemes,
      params,
      handle: async ({ params, principal }) => ({
        body: jobView(await jobActions.watch(db, params.id, principal)),
      }),
    }),
    route({
      ...operation('cancelJob'),
      method: 'post',
      path: '/jobs/:id/cancel',
      access: 'jobs:write',
      schemes,
      params,
      handle: ({ params, principal, commit }) =>
        commit(async (trx) => ({
          status: 202,
          body: jobView(await jobActions.cancel(trx, params.id, principal)),
        })),
    }),
    route({
      ...operation('retryJob'),
      method: 'post',
      path: '/jobs/:id/retry',
      access: 'jobs:write',
      schemes,
      params,
      handle: ({ params, principal, commit }) =>
        commit(async (trx) => ({
          status: 202,
          body: jobView(await jobActions.retry(trx, params.id, principal)),
        })),
    }),
    route({
      ...operation('watchJob'),
      method: 'get',
      path: '/jobs/:id/events',
      access: 'jobs:watch',
      schemes,
      params,
      async handle({ params, principal, req, res }) {
        await jobActions.watch(db, params.id, principal)
        const stream = jobStream(params.id)
        serveSse(req, res, { hub, stream, principal, head: await streamHead(db, stream) })
        return undefined
      },
    }),
  ]
}

/** The public view of a job. It omits the payload, which holds ids only but is not a stable interface. */
function jobView(job: Job) {
  return {
    id: job.id,
    queue: job.queue,
    name: job.name,
    state: job.state,
    attempt: job.attempt,
    max_attempts: job.maxAttempts,
    progress: job.progress,
    error: job.error,
    cancel_requested: job.cancelRequestedAt !== null && job.finishedAt === null,
    late_ms: job.lateMs,
    created_at: job.createdAt.toISOString(),
    started_at: job.startedAt?.toISOString() ?? null,
    finished_at: job.finishedAt?.toISOString() ?? null,
    subject: job.subject,
    links: { self: `/jobs/${job.id}`, events: `/jobs/${job.id}/events` },
  }
}
