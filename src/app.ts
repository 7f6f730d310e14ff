import type { Express } from 'express'
import { queueNames } from './catalog.ts'
import { createConsole } from './console/index.ts'
import type { Context } from './context.ts'
import { healthRoutes } from './platform/health.ts'
import { createForwardedIdentity, createHttpApp, mount, type Route } from './platform/http/index.ts'
import { jobRoutes } from './platform/jobs/index.ts'

/** The one list of routes: also the table of permissions. */
export function allRoutes(ctx: Context, stopping: () => boolean): Route[] {
  const { db, queues, limiter, hub, verbs, config } = ctx
  return [
    ...healthRoutes({
      db,
      queues,
      limiter,
      service: config.service,
      stopping,
      objectStore: ctx.binaryReleases.storeIsReachable,
    }),
    ...ctx.accounts.routes,
    ...jobRoutes({ db, hub, verbs }),
    ...ctx.deployments.routes,
    ...ctx.binaryReleases.routes,
  ]
}

/** @param routes what is served behind the console and the frame */
export function createApp(
  ctx: Context,
  stopping: () => boolean = () => false,
  routes: readonly Route[] = allRoutes(ctx, stopping),
): Express {
  const { db, config, accounts, limits, log } = ctx
  const { version } = config.service
  return createHttpApp({
    log,
    trustedProxies: config.trustedProxies,
    secure: config.publicUrl.startsWith('https:'),
    routers: [
      createConsole({ ...ctx, queueNames }),
      mount(routes, {
        db,
        version,
        authenticate: accounts.authenticate,
        limits,
        schemes: { forwarded: createForwardedIdentity(config.rateLimits.forwarded) },
      }),
    ],
  })
}
