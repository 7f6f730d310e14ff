import type { Express } from 'express'
import { queueNames } from './catalog.ts'
import { createConsole } from './console/index.ts'
import type { Context } from './context.ts'
import { healthRoutes } from './platform/health.ts'
import { createHttpApp, mount, type Route } from './platform/http/index.ts'
import { jobRoutes } from './platform/jobs/index.ts'

/** The one list of routes: also the table of permissions. */
export function allRoutes(ctx: Context, stopping: () => boolean): Route[] {
  const { db, queues, hub, verbs, config } = ctx
  return [
    ...healthRoutes({ db, queues, service: config.service, stopping }),
    ...ctx.accounts.routes,
    ...jobRoutes({ db, hub, verbs }),
    // A slave only collects.
    ...(config.releaseTracker.mode === 'slave' ? [] : ctx.deployments.routes),
    ...ctx.releaseTracker.routes,
  ]
}

export function createApp(ctx: Context, stopping: () => boolean = () => false): Express {
  const { db, config, accounts, log } = ctx
  const { version } = config.service
  const routes = allRoutes(ctx, stopping)
  const schemes = { 'tracker-key': ctx.releaseTracker.authenticate }
  const options = { db, version, authenticate: accounts.authenticate, schemes }
  const isBadge = ({ path }: Route) => path.startsWith('/badges/')
  return createHttpApp({
    log,
    trustedProxies: config.trustedProxies,
    secure: config.publicUrl.startsWith('https:'),
    light: mount(routes.filter(isBadge), options),
    routers: [
      createConsole({ ...ctx, queueNames }),
      mount(
        routes.filter((each) => !isBadge(each)),
        options,
      ),
    ],
  })
}
