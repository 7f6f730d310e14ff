import type { Knex } from 'knex'
import type { Principal } from '../platform/auth.ts'
import { CodedError } from '../platform/errors.ts'
import { type EventHub, readEvents, resumeAfter, serveSse, streamHead } from '../platform/events/index.ts'
import { decodeCursor, page, type Route, route } from '../platform/http/index.ts'
import type { DeploymentHealth } from './health.ts'
import { deploymentStream, recentLines } from './logs.ts'
import { deployBody, idParams, listQuery, logsQuery, prepareBody, targetParams } from './schema.ts'
import type { DeploymentService, Prepared } from './service.ts'
import { stepKeys, steps } from './states.ts'
import { listApps, listDeployments, stepMedians } from './store.ts'
import { deploymentView, statusView, summaryView } from './views.ts'

const MIB = 1024 * 1024

export interface DeploymentRouteOptions {
  db: Knex
  hub: EventHub
  service: DeploymentService
  health: DeploymentHealth
}

export function deploymentRoutes(options: DeploymentRouteOptions): Route[] {
  return [...executing(options), ...watching(options)]
}

/** Routes that change something; all are the deployment family. */
function executing({ service }: DeploymentRouteOptions): Route[] {
  return [
    route({
      family: 'deployment',
      method: 'post',
      path: '/deploy/prepare',
      access: 'deployments:write',
      body: prepareBody,
      bodyLimit: 16 * MIB,
      async handle({ body, principal, commit }) {
        const prepared = await service.prepare(signedIn(principal), body)
        return commit(async (trx) => {
          await service.keep(trx, prepared)
          return { body: preparedView(prepared) }
        })
      },
    }),
    route({
      family: 'deployment',
      method: 'post',
      path: '/deploy',
      access: 'deployments:write',
      body: deployBody,
      handle: ({ body, principal, correlationId, commit }) =>
        commit(async (trx) => {
          const { jobId } = await service.deploy(trx, signedIn(principal), { ...body, correlationId })
          const { deployment, steps } = await service.get(body.deploymentId, trx)
          const urls = await service.urls(deployment.app, trx)
          return { status: 202, body: deploymentView(deployment, { steps, urls, jobId }) }
        }),
    }),
  ]
}

function watching({ db, hub, service, health }: DeploymentRouteOptions): Route[] {
  const read = { family: 'deployment', method: 'get', access: 'deployments:read' } as const
  return [
    route({
      ...read,
      path: '/deploy',
      query: listQuery,
      async handle({ query }) {
        const { cursor, limit, ...filter } = query
        const rows = await listDeployments(db, { ...filter, before: decodeCursor(cursor), limit: limit + 1 })
        const { items, next } = page(rows, limit)
        return { body: { deployments: items.map(summaryView), nextCursor: next } }
      },
    }),
    route({
      ...read,
      path: '/deploy/apps',
      handle: async () => ({ body: { apps: (await listApps(db)).map(summaryView) } }),
    }),
    route({
      ...read,
      path: '/deploy/apps/:app/:environment/versions',
      params: targetParams,
      async handle({ params }) {
        const versions = await service.versions(params.app, params.environment)
        return { body: { versions: versions.map((v) => ({ ...v, createdAt: v.createdAt.toISOString() })) } }
      },
    }),
    route({
      ...read,
      path: '/deploy/:id/status',
      params: idParams,
      async handle({ params }) {
        const { deployment, steps } = await service.get(params.id)
        const current = steps.find((step) => step.status === 'running' || step.status === 'failed')
        const since = current?.startedAt
        const [urls, lines, medians] = await Promise.all([
          service.urls(deployment.app),
          since ? recentLines(db, params.id, since) : [],
          stepMedians(db),
        ])
        return { body: statusView(deployment, { steps, urls, lines, medians }) }
      },
    }),
    logsRoute({ db, hub, service }),
    route({
      ...read,
      path: '/health/deployment',
      handle: async () => ({ body: await health.report(), headers: { 'Cache-Control': 'no-store' } }),
    }),
  ]
}

/** SSE, or the same as a paged list for `Accept: application/json`. */
function logsRoute({ db, hub, service }: Pick<DeploymentRouteOptions, 'db' | 'hub' | 'service'>): Route {
  return route({
    family: 'deployment',
    method: 'get',
    path: '/deploy/:id/logs',
    access: 'deployments:read',
    params: idParams,
    query: logsQuery,
    async handle({ params, query, principal, req, res }) {
      await service.get(params.id)
      const stream = deploymentStream(params.id)
      if (req.accepts(['text/event-stream', 'application/json']) !== 'application/json') {
        serveSse(req, res, { hub, stream, principal, head: await streamHead(db, stream) })
        return undefined
      }
      const events = await readEvents(db, stream, { after: resumeAfter(req), limit: query.limit })
      const logs = events.map(({ seq, type, data }) => ({
        id: seq,
        type: type === 'message' ? 'log' : type,
        ...(data as object),
      }))
      const nextAfter = events.length === query.limit ? (events.at(-1)?.seq ?? null) : null
      return { body: { logs, nextAfter } }
    },
  })
}

function preparedView({ plan, preview, cost }: Prepared) {
  return {
    prepared: true,
    deploymentId: plan.id,
    checks: { resources: 'pass', quotas: 'pass', dependencies: 'pass' },
    estimatedCost: cost,
    plan: {
      digest: plan.digest,
      steps: stepKeys.map((step) => ({ step, name: steps[step] })),
      changes: preview.changes,
    },
    reversible: preview.reversible,
    expiresAt: plan.expiresAt.toISOString(),
  }
}

/** The router lets nobody through to these routes without a principal; the type does not know. */
function signedIn(principal: Principal | undefined): Principal {
  if (principal === undefined) throw new CodedError('ACCESS_001', 'Authentication is required')
  return principal
}
