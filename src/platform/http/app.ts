import express, { type Express, type RequestHandler, type Router } from 'express'
import helmet from 'helmet'
import { pinoHttp } from 'pino-http'
import { CodedError } from '../errors.ts'
import type { Logger } from '../logging.ts'
import { answerErrors } from './error-answers.ts'
import { correlationIdOf, requestId } from './request-id.ts'

export interface HttpAppOptions {
  log: Logger
  /** Addresses whose `X-Forwarded-*` are believed. */
  trustedProxies: string[]
  /** Served over TLS: browsers are told to stay there. */
  secure: boolean
  routers: (Router | { at: string; router: Router | RequestHandler })[]
  /**
   * Before the access log and the headers that pages need: for pictures that other sites' pages show by the thousand, and
   * whose paths are nothing to log. They set their own headers.
   */
  light?: Router
}

/** The frame around all routers: request ids, security headers, access log, 404 and the one error envelope. */
export function createHttpApp(options: HttpAppOptions): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('trust proxy', options.trustedProxies.length > 0 ? options.trustedProxies : false)
  app.set('query parser', 'simple')
  app.set('etag', false)
  app.use(requestId)
  if (options.light !== undefined) app.use(options.light)
  app.use(accessLog(options.log))
  app.use(helmet({ strictTransportSecurity: options.secure, contentSecurityPolicy: policy(options.secure) }))
  for (const entry of options.routers) {
    if ('at' in entry) app.use(entry.at, entry.router)
    else app.use(entry)
  }
  app.use((_req, _res, next) => next(new CodedError('SYS_005', 'There is nothing at this path')))
  app.use(answerErrors(options.log))
  return app
}

/** On plain HTTP the default `upgrade-insecure-requests` would break our own pages' assets. */
function policy(secure: boolean) {
  return { directives: { 'upgrade-insecure-requests': secure ? [] : null } }
}

/**
 * One line a request, by route pattern: a raw path or query may hold a badge token or a key. Streams log at
 * their end.
 */
function accessLog(log: Logger) {
  return pinoHttp({
    logger: log,
    autoLogging: { ignore: (req) => req.url === '/health' || req.url === '/health/ready' },
    customLogLevel: (_req, res, error) => (error || res.statusCode >= 500 ? 'warn' : 'info'),
    customSuccessMessage: () => 'request',
    customErrorMessage: () => 'request',
    quietReqLogger: true,
    quietResLogger: true,
    genReqId: (_req, res) => correlationIdOf(res as express.Response),
    customAttributeKeys: { reqId: 'correlationId', responseTime: 'durationMs' },
    customProps(req, res) {
      const { route, method } = req as express.Request
      const { principal } = (res as express.Response).locals ?? {}
      return {
        method,
        route: route?.path ?? 'unknown',
        status: res.statusCode,
        principal,
      }
    },
  })
}
