import type { Permission, Principal } from '../../../src/platform/auth.ts'
import { CodedError } from '../../../src/platform/errors.ts'
import { createHttpApp } from '../../../src/platform/http/app.ts'
import { createHttpServer, type Route } from '../../../src/platform/http/index.ts'
import { mount } from '../../../src/platform/http/routing/router.ts'
import type { Logger } from '../../../src/platform/logging/logging.ts'
import type { TestContext } from '../../helpers/context.ts'

/** Whoever the header `x-test-as` names, with the permissions behind the bar; nobody without it. */
function principalOf(header: string): Principal {
  const [id = '', permissions = ''] = header.split('|')
  return {
    kind: 'jwt',
    id,
    name: id,
    isAdmin: false,
    permissions: new Set(permissions.split(',') as Permission[]),
    rateLimit: { perSecond: 1000, burst: 1000 },
    stillValid: async () => true,
  }
}

/** Routes of the test's own inside the real frame. */
export async function startRoutes(ctx: TestContext, routes: Route[], log: Logger) {
  const router = mount(routes, {
    db: ctx.db,
    version: 'test',
    limits: ctx.limits,
    async authenticate({ headers }) {
      const as = headers['x-test-as']
      if (as === 'expired') throw new CodedError('ACCESS_002', 'The token has expired')
      return typeof as === 'string' ? principalOf(as) : undefined
    },
  })
  const app = createHttpApp({ log, trustedProxies: [], secure: false, routers: [router] })
  const server = createHttpServer(app, { host: '127.0.0.1', port: 0 })
  await server.start()
  const origin = `http://127.0.0.1:${server.port()}`
  return {
    origin,
    async call(path: string, init: RequestInit & { as?: string; json?: unknown; key?: string } = {}) {
      const { as, json, key, ...rest } = init
      const headers = new Headers(init.headers)
      if (as !== undefined) headers.set('x-test-as', as)
      if (key !== undefined) headers.set('idempotency-key', key)
      if (json !== undefined) headers.set('content-type', 'application/json')
      const body = json === undefined ? init.body : JSON.stringify(json)
      const method = init.method ?? (body === undefined ? 'GET' : 'POST')
      const request = { ...rest, headers, method, ...(body === undefined ? {} : { body }) }
      const answer = await fetch(origin + path, request)
      const text = await answer.text()
      return {
        status: answer.status,
        headers: answer.headers,
        text,
        json: text.startsWith('{') ? JSON.parse(text) : undefined,
      }
    },
    stop: server.stop,
  }
}
