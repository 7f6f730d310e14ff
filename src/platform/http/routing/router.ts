import express, { type Request, type RequestHandler, type Response } from 'express'
import type { Knex } from 'knex'
import { type Authenticate, authorise, type Credentials, type Principal, type Scheme } from '../../auth.ts'
import { CodedError, invalidRequest, unsupportedMediaType } from '../../errors.ts'
import type { RateLimits } from '../../rate-limit/index.ts'
import { findKept, withIdempotency } from '../idempotency.ts'
import { isSignInNeeded, wantsPage } from '../protection/sign-in-needed.ts'
import type { Route, RouteRequest } from '../route.ts'
import { parse } from '../validation.ts'
import { answer } from './answer.ts'
import { correlationIdOf, waitingHeaders } from './frame.ts'
import { createRouteTable, type PathRoutes, type RouteMatch } from './route-table.ts'

export interface RouterOptions {
  db: Knex
  version: string
  authenticate: Authenticate
  /** The authenticators of the schemes that routes accept in addition to an account's credentials. */
  schemes?: Partial<Record<Scheme, Authenticate>>
  limits: RateLimits
}

/**
 * Mounts routes as one pipeline: authentication -> rate limit -> permission -> body -> validation -> handler ->
 * response. The permission is checked before the body is read, so that unauthorised callers cannot make the server
 * decompress 16 MiB.
 */
export function mount(routes: readonly Route[], options: RouterOptions): RequestHandler {
  const find = createRouteTable(routes)
  return (req, res, next) => {
    const found = find(req.path)
    if (found === undefined) return next()
    // Express sets the same property for its routes; the access log reads the pattern from it.
    req.route = found.routes
    const route = found.routes.methods.get(req.method)
    if (route === undefined) return next(methodNotAllowed(found.routes))
    serve(route, options, { req, res, params: found.params }).catch(next)
  }
}

function methodNotAllowed({ allow }: PathRoutes): CodedError {
  return new CodedError('REQ_003', 'The method is not allowed here', { headers: { Allow: allow } })
}

interface Exchange {
  req: Request
  res: Response
  params: RouteMatch['params']
}

/** Awaits only promises: a cached principal within an in-process limit needs no await. */
async function serve(route: Route, options: RouterOptions, { req, res, params }: Exchange) {
  let principal: Principal | undefined
  try {
    principal = await authenticateAndCharge(route, options, { req, res })
    if (principal !== undefined) res.locals.principal = principal.name
    authorise(route.access, principal)
  } catch (error) {
    if (route.signInPage === undefined || !isSignInNeeded(error) || !wantsPage(req)) throw error
    return res.redirect(302, route.signInPage(req.originalUrl))
  }
  const body = route.body === undefined ? undefined : await readBody(route, req, res)
  const key = keyOf(req, principal, body)
  let valid: Pick<RouteRequest<never, never, never>, 'params' | 'query' | 'body'>
  try {
    valid = validate(route, { params, query: req.query, body })
  } catch (error) {
    await route.onInvalid?.({ params, body, principal, error })
    throw error
  }
  const request = {
    ...valid,
    principal,
    correlationId: correlationIdOf(res),
    get address() {
      return req.ip ?? ''
    },
    req,
    res,
    commit: (work) => withIdempotency(options.db, key, work),
  } satisfies RouteRequest<never, never, never>
  // Looked up before the handler's checks: a repeat gets its response even while a dependency of the checks is down.
  const kept = key === undefined || req.method !== 'POST' ? undefined : await findKept(options.db, key)
  answer(route, res, { reply: kept ?? (await route.handle(request)), version: options.version })
}

/** @throws REQ_002 naming the fields of the first invalid part */
function validate(route: Route, raw: { params: unknown; query: unknown; body: unknown }) {
  const status = route.invalidStatus
  return {
    params: (route.params ? parse(route.params, raw.params, { part: 'path', status }) : {}) as never,
    query: (route.query ? parse(route.query, raw.query, { part: 'query', status }) : {}) as never,
    body: (route.body ? parse(route.body, raw.body, { part: 'body', status }) : undefined) as never,
  }
}

/** Authenticates the caller and charges its rate limit; a bad credential is charged to the client's address. */
async function authenticateAndCharge(
  route: Route,
  options: RouterOptions,
  http: { req: Request; res: Response },
) {
  let principal: Principal | undefined
  try {
    const found = identify(route, options, http.req)
    principal = found instanceof Promise ? await found : found
  } catch (error) {
    const coded = error instanceof CodedError ? error : undefined
    // An open route ignores a bad credential: a client with an expired token must be able to sign in.
    if (route.access !== 'open' || coded === undefined || coded.status >= 500) {
      if (coded?.status === 401) await charge(route, options, http)
      throw error
    }
  }
  const charged = charge(route, options, { ...http, principal })
  if (charged instanceof Promise) await charged
  return principal
}

function charge(
  route: Route,
  { limits }: RouterOptions,
  { req, res, principal }: { req: Request; res: Response; principal?: Principal | undefined },
): Promise<void> | void {
  if (route.limit === 'none') return
  const payer =
    principal === undefined || route.limit === 'address' ? { address: req.ip ?? '' } : { principal }
  return limits.charge(payer, waitingHeaders(res) ?? res)
}

/** Computes the address only when it is read: most credentials are found without it. */
class RequestCredentials implements Credentials {
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

function identify(route: Route, { schemes, authenticate }: RouterOptions, req: Request) {
  const credentials = new RequestCredentials(req, route.csrf ? req.method : 'GET')
  if (route.schemes.length === 0) return authenticate(credentials)
  const authenticators = [...route.schemes.map((scheme) => schemes?.[scheme]), authenticate]
  return firstPrincipal(authenticators, credentials)
}

/** The principal of the first authenticator that finds one; synchronous if the authenticators are. */
function firstPrincipal(
  authenticators: (Authenticate | undefined)[],
  credentials: Credentials,
): ReturnType<Authenticate> {
  for (const [index, find] of authenticators.entries()) {
    const found = find?.(credentials)
    if (found instanceof Promise)
      return found.then(
        (principal) => principal ?? firstPrincipal(authenticators.slice(index + 1), credentials),
      )
    if (found !== undefined) return found
  }
  return undefined
}

async function readBody(route: Route, req: Request, res: Response): Promise<unknown> {
  const empty =
    req.headers['content-length'] === '0' ||
    !('content-length' in req.headers || 'transfer-encoding' in req.headers)
  if (empty) return undefined
  if (req.is('application/json') === false) throw unsupportedMediaType('The body must be application/json')
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
    throw invalidRequest('header', fields)
  }
  const permissions = [...(principal?.permissions ?? [])]
  return { key, owner: principal?.id ?? '', target: `${req.method} ${req.path}`, body, permissions }
}
