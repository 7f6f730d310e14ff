import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { allRoutes, allSockets, createApp } from '../src/app.ts'
import { type Access, type Permission, permissions } from '../src/platform/auth.ts'
import { createHttpServer, type Route } from '../src/platform/http/index.ts'
import { createUpgrades, type SocketRoute } from '../src/platform/sockets/index.ts'
import { type Api, startApi } from './helpers/api.ts'
import { createTestContext, type TestContext } from './helpers/context.ts'

/** Probes: they are asked by machines that must not be refused. */
const unlimited = [
  'GET /health',
  'GET /health/ready',
  // Writes of a slave: refusing them would only make it repeat.
  'POST /api/ping',
  'POST /api/collect/batch',
  'PUT /api/collect/:namespace/:kind/:workload/:container',
  // An app can have thousands of static files.
  'PUT /deploy/blobs/:digest',
  // The signed links of the file store.
  'GET /release-store/*key',
  'PUT /release-store/*key',
]

const nameOf = (route: Route) => `${route.method.toUpperCase()} ${route.path}`

/** The guards as they are, and behind them nothing but a mark. */
const marked = (route: Route): Route => ({
  ...route,
  params: undefined,
  query: undefined,
  body: undefined,
  handle: async () => ({ body: 'reached' }),
})

const markedSocket = (route: SocketRoute): SocketRoute => ({
  ...route,
  accept: (socket) => socket.close(4000, 'reached'),
})

let ctx: TestContext
let api: Api
let server: ReturnType<typeof createHttpServer>
let origin: string
let routes: Route[]

interface Caller {
  headers: Record<string, string>
  /** Undefined: nobody. */
  may: readonly Permission[] | undefined
}
const callers: Record<string, Caller> = {}

beforeAll(async () => {
  ctx = await createTestContext()
  api = await startApi(ctx)
  routes = allRoutes(ctx, () => false)
  const { accounts, limits, log } = ctx
  const upgrade = createUpgrades(allSockets(ctx).map(markedSocket), {
    ...{ authenticate: accounts.authenticate, limits, log, trustedProxies: [] },
  })
  const app = createApp(ctx, undefined, routes.map(marked))
  server = createHttpServer(app, { host: '127.0.0.1', port: 0 }, { upgrade })
  await server.start()
  origin = `http://127.0.0.1:${server.port()}`

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const admin = await api.signIn('admin', true)
  const user = await api.signIn('user')
  const token = async (json: Record<string, unknown>, by = admin) =>
    (await api.call('/api/v1/auth/tokens', { token: by, json: { name: 'table', ...json } })).json
  const own = permissions.filter((each) => each.endsWith(':read'))
  callers.nobody = { headers: {}, may: undefined }
  callers['an administrator'] = { headers: bearer(admin), may: permissions }
  callers['a user'] = { headers: bearer(user), may: own }
  callers["a user's token"] = { headers: bearer((await token({}, user)).token), may: own }
  for (const scope of permissions) {
    const scoped = await token({ scopes: [scope] })
    callers[`a token for ${scope}`] = { headers: bearer(scoped.token), may: [scope] }
  }
  const revoked = await token({})
  await api.call(`/api/v1/auth/tokens/${revoked.id}`, { method: 'DELETE', token: admin })
  callers['a revoked token'] = { headers: bearer(revoked.token), may: undefined }
  const expired = await token({})
  await ctx
    .db('api_tokens')
    .where({ id: expired.id })
    .update({ expires_at: new Date(0) })
  callers['an expired token'] = { headers: bearer(expired.token), may: undefined }
  const gone = await api.signIn('signed-out')
  await api.call('/api/v1/auth/logout', { method: 'POST', token: gone })
  callers['a signed-out JWT'] = { headers: bearer(gone), may: undefined }
  callers['a forged JWT'] = { headers: bearer(`${admin.slice(0, -4)}AAAA`), may: undefined }
  callers['a tracker key'] = { headers: bearer('some-tracker-key'), may: undefined }
  callers['a forwarded identity from anywhere'] = {
    headers: { 'x-authentik-username': 'admin' },
    may: undefined,
  }
})
afterAll(async () => {
  await server?.stop()
  await api?.stop()
  await ctx?.dispose()
})

function expectedStatus(access: Access, { may }: Caller): number {
  if (access === 'open') return 200
  if (may === undefined) return 401
  if (access === 'signed-in') return 200
  return may.some((each) => suffices(access, each)) ? 200 : 403
}

function suffices(access: Access, permission: Permission): boolean {
  if (access === 'deployments:write') return permission.startsWith(access)
  if (access === 'jobs:watch') return permission === 'jobs:read' || permission === 'tracker:write'
  return permission === access
}

/** Any text will do for a parameter: nothing looks at it. */
const filled = (path: string) => path.replace(/:\w+/g, 'x').replace(/\*\w+/g, 'x').replace(/[{}]/g, '')

async function ask(route: Route, { headers }: Caller): Promise<Response> {
  const answer = await fetch(origin + filled(route.path), { method: route.method.toUpperCase(), headers })
  await answer.arrayBuffer()
  return answer
}

/** `architecture.test.ts` holds the list of routes with their permissions: one that is not in it fails there. */
describe('the table of permissions', () => {
  test('holds for every kind of caller at every route', async () => {
    const wrong: string[] = []
    let asked = 0
    for (const [who, caller] of Object.entries(callers)) {
      const answers = await Promise.all(routes.map((each) => ask(each, caller)))
      routes.forEach((each, index) => {
        const expected = expectedStatus(each.access, caller)
        const answer = answers[index]
        asked += 1
        if (answer?.status !== expected)
          wrong.push(`${nameOf(each)} as ${who}: ${answer?.status}, not ${expected}`)
        if (expected === 401 && !answer?.headers.get('www-authenticate')?.startsWith('Bearer')) {
          wrong.push(`${nameOf(each)} as ${who}: no WWW-Authenticate`)
        }
      })
    }
    expect(wrong).toEqual([])
    expect(asked).toBe(routes.length * Object.keys(callers).length)
  })

  test('names for every job who may stop or repeat it', () => {
    const open = ctx.jobs.filter((job) => job.authorizeChange === undefined)
    expect(open.map((job) => job.name)).toEqual([])
  })

  test('holds for the console', async () => {
    for (const [who, caller] of Object.entries(callers)) {
      const answer = await fetch(`${origin}/admin/queues/api/queues`, { headers: caller.headers })
      await answer.arrayBuffer()
      const expected = expectedStatus('console:admin', caller)
      expect([who, answer.status]).toEqual([who, expected])
    }
  })

  test('holds for every socket', async () => {
    const codes: Record<number, number> = { 200: 4000, 401: 4001, 403: 4003 }
    expect(allSockets(ctx).map((each) => each.path)).toContain('/api/v1/ws/status')
    for (const { path, access } of allSockets(ctx)) {
      for (const [who, caller] of Object.entries(callers)) {
        const socket = new WebSocket(origin.replace('http', 'ws') + path, { headers: caller.headers })
        const [code] = await once(socket, 'close')
        expect([path, who, code]).toEqual([path, who, codes[expectedStatus(access, caller)]])
      }
    }
  })

  test('what is not in it is not served, whoever asks', async () => {
    for (const caller of Object.values(callers)) {
      const nowhere = await fetch(`${origin}/api/v1/nothing`, { headers: caller.headers })
      const wrongVerb = await fetch(`${origin}/api/v1/users`, { method: 'PUT', headers: caller.headers })
      expect([nowhere.status, wrongVerb.status]).toEqual([404, 405])
    }
  })

  test('every answer of a limited route tells the limit', async () => {
    const names = [
      'x-ratelimit-limit',
      'x-ratelimit-remaining',
      'x-ratelimit-reset',
      'ratelimit',
      'ratelimit-policy',
    ]
    const without: string[] = []
    for (const who of ['an administrator', 'a user', 'nobody', 'a revoked token']) {
      const caller = callers[who]
      if (caller === undefined) throw new Error(who)
      for (const each of routes) {
        const answer = await ask(each, caller)
        const told = names.filter((name) => answer.headers.has(name))
        if (each.limit === 'none') without.push(nameOf(each))
        expect([nameOf(each), who, told]).toEqual([nameOf(each), who, each.limit === 'none' ? [] : names])
      }
    }
    expect([...new Set(without)].toSorted()).toEqual(unlimited.toSorted())
  })
})
