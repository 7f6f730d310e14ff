import type { Express } from 'express'
import { queueNames } from './catalog.ts'
import { createConsole } from './console/index.ts'
import type { Context } from './context.ts'
import { healthRoutes } from './platform/health.ts'
import { createHttpApp, mount, type Route } from './platform/http/index.ts'
import { jobRoutes } from './platform/jobs/index.ts'

/** The one list of routes: also the table of permissions. */
export function allRoutes(ctx: Context, stopping: () => boolean): Route[] {
  const { db, queues, limiter, hub, verbs, config } = ctx
  return [
    ...healthRoutes({ db, queues, limiter, service: config.service, stopping }),
    ...ctx.accounts.routes,
    ...jobRoutes({ db, hub, verbs }),
    ...ctx.deployments.routes,
  ]
}

export function createApp(ctx: Context, stopping: () => boolean = () => false): Express {
  const { db, config, accounts, limits, log } = ctx
  const { version } = config.service
  const routes = allRoutes(ctx, stopping)
  return createHttpApp({
    log,
    trustedProxies: config.trustedProxies,
    secure: config.publicUrl.startsWith('https:'),
    routers: [
      createConsole({ ...ctx, queueNames }),
      mount(routes, { db, version, authenticate: accounts.authenticate, limits }),
    ],
  })
}
