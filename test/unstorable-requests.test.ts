import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRoutes, createApp } from '../src/app.ts'
import { createHttpServer, type Route } from '../src/platform/http/index.ts'
import { type Api, startApi } from './helpers/api.ts'
import { createTestContext, type TestContext } from './helpers/context.ts'
import { type Leaf, sampleFor, textLeaves } from './helpers/json-shapes.ts'
import { apiKeys } from './release-tracker/harness.ts'

/** Refuses everything, in words that can not be stored. */
let cloud: Server
let ctx: TestContext
let api: Api
let server: ReturnType<typeof createHttpServer>
let origin: string
let routes: Route[]

beforeAll(async () => {
  cloud = createServer((_req, res) => {
    const errors = [{ code: 1000, message: 'refused: \0 and \ud800' }]
    res.writeHead(400, { 'content-type': 'application/json' })
    res.end(JSON.stringify({ success: false, errors, messages: [], result: null }))
  }).listen(0, '127.0.0.1')
  await once(cloud, 'listening')
  const { port } = cloud.address() as AddressInfo
  ctx = await createTestContext({
    env: { MODE: 'master', API_KEYS: apiKeys, CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}` },
  })
  api = await startApi(ctx)
  const admin = await api.signIn('admin', true)
  const principal = await ctx.accounts.authenticate({
    headers: { authorization: `Bearer ${admin}` },
    method: 'GET',
    address: '127.0.0.1',
  })
  if (principal === undefined) throw new Error('the administrator is not signed in')
  routes = allRoutes(ctx, () => false)
  // Signing out and the like must not end the test's own access.
  const accounts = { ...ctx.accounts, authenticate: () => principal }
  const app = createApp({ ...ctx, accounts }, undefined, routes)
  server = createHttpServer(app, { host: '127.0.0.1', port: 0 })
  await server.start()
  origin = `http://127.0.0.1:${server.port()}`
})
afterAll(async () => {
  await server?.stop()
  await api?.stop()
  await ctx?.dispose()
  cloud?.closeAllConnections()
  cloud?.close()
})

interface Request {
  path?: string
  query?: string
  body?: unknown
  headers?: Record<string, string>
}

const nameOf = ({ method, path }: Route) => `${method.toUpperCase()} ${path}`

async function ask(route: Route, request: Request): Promise<{ status: number; text: string }> {
  const path = request.path ?? filled(route)
  const url = `${origin}${path}${request.query === undefined ? '' : `?${request.query}`}`
  const method = route.method.toUpperCase()
  const headers = new Headers(request.headers)
  const init: RequestInit = { method, headers, redirect: 'manual' }
  if (request.body !== undefined) {
    headers.set('content-type', 'application/json')
    init.body = JSON.stringify(request.body)
  }
  const answer = await fetch(url, init)
  if (answer.headers.get('content-type')?.includes('event-stream')) {
    await answer.body?.cancel()
    return { status: answer.status, text: '' }
  }
  return { status: answer.status, text: await answer.text() }
}

/** What no pattern of a schema tells. */
const checkedByCode = { version: '1.0.0', platform: 'linux-x86_64' }

/** The path with its parameters filled in: with what their schema lets through, but for those given. */
function filled(route: Route, given: Record<string, string> = {}): string {
  const valid: Record<string, unknown> = route.params === undefined ? {} : sampleFor(route.params)
  const values: Record<string, unknown> = { ...valid, ...checkedByCode, ...given }
  return route.path
    .replace(/[:*](\w+)/g, (_, name: string) => String(values[name] ?? 'x'))
    .replace(/[{}]/g, '')
}

const unstorable = ['a\0b', 'a\ud800b', '\udc00']
const overlong = 'x'.repeat(20_000)
const beyond = [
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+14:00',
  '+275760-09-13T00:00:00Z',
  '9'.repeat(25),
]
/** Valid for the schema of a cursor, or of an id, and beyond what a column holds. */
const cursors = [
  '0000-01-01T00:00:00.000000Z 00000000-0000-4000-8000-000000000000',
  '["a\0","b","c","9"]',
  '\0',
]
  .concat('["0000-01-01T00:00:00.000Z","9"]', '["a","b","c","999999999999999999999"]')
  .map((text) => Buffer.from(text).toString('base64url'))
// A lone surrogate has no form in a URL.
const inUrls = ['a\0b', overlong.slice(0, 8000), ...beyond, ...cursors, '-1', '1e400', '']

// There is none in this test: 503 is what they answer to whatever is valid.
const needsCluster = ['POST /api/collect']

/** An answer that is the caller's fault or fine; what is refused for its text names the field in the envelope. */
async function check(
  route: Route,
  about: { request: Request; field?: string; value: string },
): Promise<string[]> {
  const { request, field, value } = about
  const { status, text } = await ask(route, request)
  const what = `${nameOf(route)} ${field ?? ''} ${JSON.stringify(value.slice(0, 60))}: ${status} ${text.slice(0, 200)}`
  if (status >= 500 && !needsCluster.includes(nameOf(route))) return [what]
  if (field === undefined || !unstorable.includes(value)) return []
  const fields: { path: string }[] = JSON.parse(text).error?.details?.fields ?? []
  const isNamed = fields.some(({ path }) => path === field)
  // The signature is looked at first, and is wrong.
  const isUnsigned = status === 404 && route.path.startsWith('/release-store/')
  const isRefused = (status === route.invalidStatus && isNamed) || isUnsigned
  return isRefused ? [] : [what]
}

const bodyLeaves = (route: Route): Leaf[] => (route.body === undefined ? [] : textLeaves(route.body))
const queryLeaves = (route: Route): Leaf[] => (route.query === undefined ? [] : textLeaves(route.query))

/** Asks all questions of one route at once, and one route after the other. */
async function wrongAnswers(questionsOf: (route: Route) => Parameters<typeof check>[1][]) {
  const wrong: string[] = []
  let asked = 0
  for (const route of routes) {
    const questions = questionsOf(route)
    asked += questions.length
    wrong.push(...(await Promise.all(questions.map((each) => check(route, each)))).flat())
  }
  return { wrong, asked }
}

describe('text that can not be stored is refused by every route, with its name', () => {
  test('in a body', async () => {
    const values = [...unstorable, overlong, ...beyond]
    const { wrong, asked } = await wrongAnswers((route) =>
      bodyLeaves(route).flatMap((leaf) =>
        values.map((value) => ({ request: { body: leaf.with(value) }, field: leaf.path.join('.'), value })),
      ),
    )
    expect(wrong).toEqual([])
    expect(asked).toBeGreaterThan(500)
  }, 120_000)

  test('in a query', async () => {
    const { wrong, asked } = await wrongAnswers((route) =>
      queryLeaves(route).flatMap((leaf) =>
        inUrls.map((value) => {
          const query = new URLSearchParams(leaf.with(value) as Record<string, string>).toString()
          return { request: { query }, field: leaf.path.join('.'), value }
        }),
      ),
    )
    expect(wrong).toEqual([])
    expect(asked).toBeGreaterThan(300)
  }, 120_000)

  test('in a path', async () => {
    const texts = ['%00', 'a%00b', '%ED%A0%80', '%FF', ...inUrls.map(encodeURIComponent)]
    const { wrong, asked } = await wrongAnswers((route) =>
      [...route.path.matchAll(/[:*](\w+)/g)].flatMap(([, name = '']) =>
        texts.map((value) => ({ request: { path: filled(route, { [name]: value }) }, value })),
      ),
    )
    expect(wrong).toEqual([])
    expect(asked).toBeGreaterThan(300)
  }, 120_000)

  test('in headers', async () => {
    const names = ['idempotency-key', 'x-request-id', 'user-agent', 'x-authentik-username', 'last-event-id']
    const values = ['\u00ff\u0080', 'x'.repeat(5000), '0000-01-01', '9'.repeat(25)]
    const { wrong } = await wrongAnswers((route) =>
      names.flatMap((name) =>
        values.map((value) => ({
          request: { headers: { [name]: value }, ...(route.body === undefined ? {} : { body: {} }) },
          value,
        })),
      ),
    )
    expect(wrong).toEqual([])
  }, 120_000)
})
