import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { allRoutes, allSockets } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import { createContext } from '../src/context.ts'

// Nothing is asked: a context opens its connections when they are first used.
const config = loadConfig({
  DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
  SECRET_KEY: 'a-secret-key-of-the-tests-0123456789',
  DATA_DIR: join(tmpdir(), 'route-table'),
  CLOUDFLARE_TARGET: 'local',
  LOG_LEVEL: 'error',
})
const ctx = createContext(config, 'test')

describe('the table of routes', () => {
  afterAll(() => ctx.dispose())

  it('is this, so that a new open route is noticed', () => {
    const routes = allRoutes(ctx, () => false)
    const table = routes.map(({ method, path, access }) => `${method.toUpperCase()} ${path} ${access}`)
    expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length)
    expect(table.toSorted()).toEqual([
      'DELETE /api/badges/tokens/:id tracker:write',
      'DELETE /api/v1/auth/tokens/:id signed-in',
      'DELETE /api/v1/maintenance-windows/:id orchestrators:write',
      'DELETE /api/v1/orchestrators/:id orchestrators:write',
      'DELETE /api/v1/users/:id accounts:admin',
      'DELETE /api/v1/users/:id/tokens/:token accounts:admin',
      'DELETE /deploy/apps/:app/:environment deployments:write',
      'DELETE /deploy/environments/:environment/credentials accounts:admin',
      'DELETE /releases/:version/draft releases:publish',
      'GET /admin open',
      'GET /api/badges/tokens tracker:read',
      'GET /api/clients-environments tracker:read',
      'GET /api/config tracker:read',
      'GET /api/releases/compare tracker:read',
      'GET /api/releases/current tracker:read',
      'GET /api/releases/events tracker:read',
      'GET /api/releases/history tracker:read',
      'GET /api/releases/history/:client/:env/:namespace/:workload/:container tracker:read',
      'GET /api/v1/auth/me signed-in',
      'GET /api/v1/auth/tokens signed-in',
      'GET /api/v1/maintenance-windows orchestrators:read',
      'GET /api/v1/orchestrators orchestrators:read',
      'GET /api/v1/orchestrators/:id orchestrators:read',
      'GET /api/v1/orchestrators/:id/history orchestrators:read',
      'GET /api/v1/orchestrators/events orchestrators:read',
      'GET /api/v1/orchestrators/status orchestrators:read',
      'GET /api/v1/orchestrators/status/summary orchestrators:read',
      'GET /api/v1/orchestrators/summary orchestrators:read',
      'GET /api/v1/statistics/bridge orchestrators:read',
      'GET /api/v1/statistics/networks orchestrators:read',
      'GET /api/v1/statistics/uptime orchestrators:read',
      'GET /api/v1/users accounts:admin',
      'GET /api/v1/users/:id accounts:admin',
      'GET /api/v1/users/:id/tokens accounts:admin',
      'GET /badges/:key/:client/:env/:kind/:workload/:container open',
      'GET /deploy deployments:read',
      'GET /deploy/:id/logs deployments:read',
      'GET /deploy/:id/status deployments:read',
      'GET /deploy/apps deployments:read',
      'GET /deploy/apps/:app/:environment/logs deployments:read',
      'GET /deploy/apps/:app/:environment/rollback deployments:read',
      'GET /deploy/apps/:app/:environment/versions deployments:read',
      'GET /deploy/environments/:environment/credentials deployments:read',
      'GET /deploy/metrics deployments:read',
      'GET /docs signed-in',
      'GET /docs/:file signed-in',
      'GET /download/:version/:platform releases:read',
      'GET /health open',
      'GET /health/deployment deployments:read',
      'GET /health/ready open',
      'GET /jobs jobs:read',
      'GET /jobs/:id jobs:watch',
      'GET /jobs/:id/events jobs:watch',
      'GET /login open',
      'GET /openapi.json signed-in',
      'GET /release-store/*key open',
      'GET /releases releases:read',
      'GET /releases/:version releases:read',
      'GET /releases/:version/downloads releases:read',
      'GET /releases/:version/draft releases:publish',
      'GET /releases/:version/signature releases:read',
      'GET /releases/keys releases:read',
      'GET /releases/latest releases:read',
      'GET /releases/updates releases:read',
      'PATCH /api/v1/orchestrators/:id orchestrators:write',
      'PATCH /api/v1/users/:id accounts:admin',
      'POST /api/badges/tokens tracker:write',
      'POST /api/collect tracker:write',
      'POST /api/collect/batch tracker:write',
      'POST /api/ping tracker:write',
      'POST /api/v1/auth/login open',
      'POST /api/v1/auth/logout signed-in',
      'POST /api/v1/auth/password signed-in',
      'POST /api/v1/auth/tokens signed-in',
      'POST /api/v1/maintenance-windows orchestrators:write',
      'POST /api/v1/orchestrators orchestrators:write',
      'POST /api/v1/users accounts:admin',
      'POST /auth/cloudflare/verify deployments:write',
      'POST /auth/github-app/token deployments:write:production',
      'POST /deploy deployments:write',
      'POST /deploy/:id/cancel deployments:write',
      'POST /deploy/:id/retry deployments:write',
      'POST /deploy/:id/rollback deployments:write',
      'POST /deploy/apps/:app/:environment/rollback deployments:write',
      'POST /deploy/blobs/missing deployments:write',
      'POST /deploy/prepare deployments:write',
      'POST /deploy/validate deployments:write',
      'POST /jobs/:id/cancel jobs:write',
      'POST /jobs/:id/retry jobs:write',
      'POST /login open',
      'POST /logout open',
      'POST /releases releases:publish',
      'POST /releases/:version/files releases:publish',
      'POST /releases/:version/promote releases:publish',
      'POST /releases/:version/publish releases:publish',
      'POST /releases/:version/yank releases:publish',
      'PUT /api/collect/:namespace/:kind/:workload/:container tracker:write',
      'PUT /deploy/blobs/:digest deployments:write',
      'PUT /deploy/environments/:environment/credentials accounts:admin',
      'PUT /release-store/*key open',
    ])
  })

  it('has these sockets beside it', () => {
    const table = allSockets(ctx).map(({ path, access }) => `${path} ${access}`)
    expect(table).toEqual(['/api/v1/ws/status orchestrators:read'])
  })
})
