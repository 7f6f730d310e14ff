import express, { type Express, type RequestHandler } from 'express'
import { noSuchPath } from '../errors.ts'
import type { Logger } from '../logging/logging.ts'
import { answerErrors } from './error-answers.ts'
import { stripForgedIdentity } from './protection/forwarded-identity.ts'
import { frame } from './routing/frame.ts'

export interface HttpAppOptions {
  log: Logger
  /** Addresses and networks whose `X-Forwarded-*` headers are trusted. */
  trustedProxies: string[]
  /** True if served over TLS; responses then carry `Strict-Transport-Security`. */
  secure: boolean
  routers: (RequestHandler | { at: string; router: RequestHandler })[]
}

/** The frame around all routers: request ids, security headers, access log, 404 and the one error envelope. */
export function createHttpApp(options: HttpAppOptions): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('trust proxy', options.trustedProxies.length > 0 ? options.trustedProxies : false)
  app.set('query parser', 'simple')
  app.set('etag', false)
  const trusts = cached(app.get('trust proxy fn'))
  app.set('trust proxy', trusts)
  app.use(stripForgedIdentity(trusts, options.log))
  app.use(frame(app, options))
  for (const entry of options.routers) {
    if ('at' in entry) app.use(entry.at, entry.router)
    else app.use(entry)
  }
  app.use((_req, _res, next) => next(noSuchPath()))
  app.use(answerErrors(options.log))
  return app
}

const maxCachedAddresses = 10_000

/** Caches the result for each address: every request checks its peer, and the list of networks is fixed. */
function cached(trusts: (address: string, hop: number) => boolean): (address: string) => boolean {
  const results = new Map<string, boolean>()
  return (address) => {
    let trusted = results.get(address)
    if (trusted === undefined) {
      trusted = trusts(address, 0)
      if (results.size >= maxCachedAddresses) results.clear()
      results.set(address, trusted)
    }
    return trusted
  }
}
