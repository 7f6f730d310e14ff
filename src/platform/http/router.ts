import express, { type NextFunction, type Request, type Response, type Router } from 'express'
import type { Knex } from 'knex'
import { type Authenticate, authorise, type Credentials, type Principal, type Scheme } from '../auth.ts'
import { CodedError } from '../errors.ts'
import { findKept, withIdempotency } from '../idempotency.ts'
import type { RateLimits } from '../rate-limit/index.ts'
import { correlationIdOf } from './request-id.ts'
import type { Reply, Route, RouteRequest } from './route.ts'
import { parse } from './validation.ts'

export interface RouterOptions {
  db: Knex
  version: string
  authenticate: Authenticate
  /** For the routes that name them. */
  schemes?: Partial<Record<Scheme, Authenticate>>
  limits: RateLimits
}

/**
 * Mounts routes as one pipeline: who calls -> within their limit -> may they -> body -> validation -> handler -> answer. Authorisation
 * comes before the body is read, so that a stranger can't make us inflate 16 MiB.
 */
export function mount(routes: readonly Route[], options: RouterOptions): Router {
  const router = express.Router({ strict: false })
  for (const path of new Set(routes.map((each) => each.path))) {
    const there = routes.filter((each) => each.path === path)
    for (const each of there) {
      router[each.method](path, (req, res, next) => serve(each, options, { req, res }).catch(next))
    }
    router.all(path, refuseMethod(there))
  }
  return router
}

function refuseMethod(there: readonly Route[]) {
  const verbs = there.map((each) => each.method.toUpperCase())
  const allow = [...verbs, ...(verbs.includes('GET') ? ['HEAD'] : [])].join(', ')
  return (_req: Request, _res: Response, next: NextFunction) =>
    next(new CodedError('REQ_003', 'The method is not allowed here', { headers: { Allow: allow } }))
}

async function serve(route: Route, options: RouterOptions, http: { req: Request; res: Response }) {
  const { req, res } = http
  const principal = await identified(route, options, http)
  if (principal !== undefined) res.locals.principal = principal.name
  authorise(route.access, principal)
  const body = route.body === undefined ? undefined : await readBody(route, req, res)
  const status = route.invalidStatus
  const key = keyOf(req, principal, body)
  const request = {
    params: (route.params ? parse(route.params, req.params, { part: 'path', status }) : {}) as never,
    query: (route.query ? parse(route.query, req.query, { part: 'query', status }) : {}) as never,
    body: (route.body ? parse(route.body, body, { part: 'body', status }) : undefined) as never,
    principal,
    correlationId: correlationIdOf(res),
    get address() {
      return req.ip ?? ''
    },
    req,
    res,
    commit: (work) => withIdempotency(options.db, key, work),
  } satisfies RouteRequest<never, never, never>
  // Looked up before the handler's own checks: a repeat is answered even while what they ask is away.
  const kept = key === undefined || req.method !== 'POST' ? undefined : await findKept(options.db, key)
  answer(route, res, { reply: kept ?? (await route.handle(request)), version: options.version })
}

/** Who calls, having paid for it: a bad credential is paid for by its address. */
async function identified(route: Route, options: RouterOptions, http: { req: Request; res: Response }) {
  const { req, res } = http
  const charge = async (principal: Principal | undefined) => {
    if (route.limit === 'none') return
    const payer =
      principal === undefined || route.limit === 'address' ? { address: req.ip ?? '' } : { principal }
    await options.limits.charge(payer, res)
  }
  let principal: Principal | undefined
  try {
    principal = await identify(route, options, req)
  } catch (error) {
    if (error instanceof CodedError && error.status === 401) await charge(undefined)
    throw error
  }
  await charge(principal)
  return principal
}

/** The address is worked out only where it is asked for: most requests' credentials are known without. */
class ShownCredentials implements Credentials {
  readonly #req: Request
  readonly headers: Credentials['headers']
  readonly method: string

  constructor(req: Request, method: string) {
    this.#req = req
    this.headers = req.headers
    this.method = method
  }

  get address(): string {
    return this.#req.ip ?? ''
  }
}

/** On an open route a bad credential counts as none: a client with an expired token must be able to sign in. */
async function identify(route: Route, options: RouterOptions, req: Request): Promise<Principal | undefined> {
  try {
    const method = route.csrf ? req.method : 'GET'
    const credentials = new ShownCredentials(req, method)
    for (const scheme of route.schemes) {
      const principal = await options.schemes?.[scheme]?.(credentials)
      if (principal !== undefined) return principal
    }
    return await options.authenticate(credentials)
  } catch (error) {
    if (route.access === 'open' && error instanceof CodedError && error.status < 500) return undefined
    throw error
  }
}

function answer(route: Route, res: Response, result: { reply: Reply; version: string }): void {
  const { reply, version } = result
  if (reply === undefined) return
  if (reply.headers !== undefined) res.set(reply.headers)
  res.status(reply.status ?? 200)
  if (route.family === 'plain') {
    res.json(reply.body)
    return
  }
  const metadata = { timestamp: new Date().toISOString(), version, correlationId: correlationIdOf(res) }
  res.json({ success: true, data: reply.body, metadata })
}

async function readBody(route: Route, req: Request, res: Response): Promise<unknown> {
  const empty =
    req.headers['content-length'] === '0' ||
    !('content-length' in req.headers || 'transfer-encoding' in req.headers)
  if (empty) return undefined
  if (req.is('application/json') === false)
    throw new CodedError('REQ_005', 'The body must be application/json')
  const read = express.json({ limit: route.bodyLimit, strict: true })
  await new Promise<void>((resolve, reject) => {
    read(req, res, (error?: unknown) => (error === undefined ? resolve() : reject(error)))
  })
  return req.body
}

function keyOf(req: Request, principal: Principal | undefined, body: unknown) {
  const key = req.get('idempotency-key')
  if (key === undefined) return undefined
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    const fields = [{ path: 'Idempotency-Key', problem: 'expected 1 to 255 visible ASCII characters' }]
    throw new CodedError('REQ_002', "The request's header is not valid", { details: { fields } })
  }
  const permissions = [...(principal?.permissions ?? [])]
  return { key, owner: principal?.id ?? '', target: `${req.method} ${req.path}`, body, permissions }
}
