import type { Express } from 'express'
import { queueNames } from './catalog.ts'
import { consoleRoutes, createConsole } from './console/index.ts'
import type { Context } from './context.ts'
import { healthRoutes } from './platform/health/index.ts'
import { createHttpApp } from './platform/http/app.ts'
import { createForwardedIdentity, type Route } from './platform/http/index.ts'
import { mount } from './platform/http/routing/router.ts'
import { jobRoutes } from './platform/jobs/index.ts'
import { createUpgrades, type SocketRoute, type UpgradeHandler } from './platform/sockets/index.ts'
import { referenceRoutes } from './reference/index.ts'

/** All HTTP routes. The list is also the table of permissions. */
export function allRoutes(ctx: Context, stopping: () => boolean): Route[] {
  const { db, queues, hub, jobActions, config } = ctx
  return [
    ...healthRoutes({
      ...ctx.health,
      queueBackend: queues.backend,
      service: config.service,
      stopping,
      waitingReleases: ctx.releaseTracker.waiting,
    }),
    ...ctx.accounts.routes,
    ...jobRoutes({ db, hub, jobActions }),
    // A slave only collects releases.
    ...(config.releaseTracker.mode === 'slave'
      ? []
      : [...ctx.deployments.routes, ...ctx.orchestrators.routes]),
    ...ctx.releaseTracker.routes,
    ...ctx.binaryReleases.routes,
    ...consoleRoutes(),
    ...referenceRoutes(),
  ]
}

/** @param routes served behind the console and the frame */
export function createApp(
  ctx: Context,
  stopping: () => boolean = () => false,
  routes: readonly Route[] = allRoutes(ctx, stopping),
): Express {
  const { db, config, accounts, limits, log } = ctx
  const { version } = config.service
  const schemes = {
    forwarded: createForwardedIdentity(config.rateLimits.forwarded),
    'tracker-key': ctx.releaseTracker.authenticate,
  }
  return createHttpApp({
    log,
    trustedProxies: config.trustedProxies,
    secure: config.publicUrl.startsWith('https:'),
    routers: [
      mount(routes, { db, version, authenticate: accounts.authenticate, limits, schemes }),
      createConsole({ ...ctx, queueNames }),
    ],
  })
}

/** All WebSocket endpoints. */
export function allSockets(ctx: Context): SocketRoute[] {
  return [...ctx.orchestrators.sockets]
}

export function createSockets(ctx: Context): UpgradeHandler {
  const { config, accounts, limits, log } = ctx
  const { trustedProxies } = config
  return createUpgrades(allSockets(ctx), { authenticate: accounts.authenticate, trustedProxies, limits, log })
}
