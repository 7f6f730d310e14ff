import type { Knex } from 'knex'
import { type EventHub, readEvents, resumeAfter, serveSse, streamHead } from '../../platform/events/index.ts'
import { decodeCursor, page, type Route, route } from '../../platform/http/index.ts'
import type { DeploymentActions } from '../actions/index.ts'
import { deploymentStream, recentLines } from '../log.ts'
import { idParams, listQuery, logsQuery, metricsQuery, rollbackQuery, targetParams } from '../model/schema.ts'
import { findCompensations, listApps, listDeployments, stepMedians } from '../store/index.ts'
import type { DeploymentHealth } from './health.ts'
import type { Metrics } from './metrics.ts'
import { operation } from './operation.ts'
import { success } from './success.ts'
import { estimatedSteps, statusView, summaryView } from './views.ts'
import { writeRoutes } from './write.ts'

export interface DeploymentRouteOptions {
  db: Knex
  hub: EventHub
  actions: DeploymentActions
  health: DeploymentHealth
  metrics: Metrics
}

export function deploymentRoutes(options: DeploymentRouteOptions): Route[] {
  return [...writeRoutes(options), ...readRoutes(options)]
}

function readRoutes({ db, hub, actions, health, metrics }: DeploymentRouteOptions): Route[] {
  const read = { wrap: success, method: 'get', access: 'deployments:read' } as const
  return [
    route({
      ...operation('listDeployments'),
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
      ...operation('listApps'),
      ...read,
      path: '/deploy/apps',
      handle: async () => ({ body: { apps: (await listApps(db)).map(summaryView) } }),
    }),
    route({
      ...operation('listAppVersions'),
      ...read,
      path: '/deploy/apps/:app/:environment/versions',
      params: targetParams,
      handle: async ({ params }) => ({
        body: await actions.versions(params.app, params.environment),
        headers: noStore,
      }),
    }),
    route({
      ...operation('previewAppRollback'),
      ...read,
      path: '/deploy/apps/:app/:environment/rollback',
      params: targetParams,
      query: rollbackQuery,
      handle: async ({ params, query }) => ({
        body: await actions.previewRollback({ ...params, ...query }),
        headers: noStore,
      }),
    }),
    route({
      ...operation('readAppLog'),
      ...read,
      path: '/deploy/apps/:app/:environment/logs',
      params: targetParams,
      async handle({ params }) {
        const logs = await actions.workerLogs(params.app, params.environment)
        return { body: { logs }, headers: noStore }
      },
    }),
    route({
      ...operation('getDeploymentStatus'),
      ...read,
      path: '/deploy/:id/status',
      params: idParams,
      async handle({ params }) {
        const { deployment, steps } = await actions.get(params.id)
        const current = steps.find((step) => step.status === 'running' || step.status === 'failed')
        const since = current?.startedAt
        const [urls, lines, medians, rollbackInfo, undoing] = await Promise.all([
          actions.addressesOf(deployment).then((addresses) => actions.urls(deployment.app, addresses)),
          since ? recentLines(db, params.id, since) : [],
          stepMedians(db, estimatedSteps(deployment, steps)),
          actions.rollbackInfo(deployment),
          deployment.rollback === null ? [] : findCompensations(db, params.id),
        ])
        return { body: statusView(deployment, { steps, urls, lines, medians, rollbackInfo, undoing }) }
      },
    }),
    logsRoute({ db, hub, actions }),
    route({
      ...operation('getDeploymentMetrics'),
      ...read,
      path: '/deploy/metrics',
      query: metricsQuery,
      handle: async ({ query }) => ({ body: await metrics(query.hours), headers: noStore }),
    }),
    route({
      ...operation('getDeploymentHealth'),
      ...read,
      path: '/health/deployment',
      handle: async () => ({ body: await health.report(), headers: noStore }),
    }),
  ]
}

const noStore = { 'Cache-Control': 'no-store' }

/** The log as SSE, or as a paged list for `Accept: application/json`. */
function logsRoute({ db, hub, actions }: Pick<DeploymentRouteOptions, 'db' | 'hub' | 'actions'>): Route {
  return route({
    ...operation('readDeploymentLog'),
    wrap: success,
    method: 'get',
    path: '/deploy/:id/logs',
    access: 'deployments:read',
    params: idParams,
    query: logsQuery,
    async handle({ params, query, principal, req, res }) {
      await actions.get(params.id)
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
