import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { notOffered } from '../scripts/not-offered.ts'
import { RateLimit, requireToken } from './access.ts'
import { accountRoutes, publicRoutes } from './account-routes.ts'
import { containerRoutes } from './container-routes.ts'
import { type Answer, sendAnswer, sendError, setEdgeHeaders } from './envelope.ts'
import { registryRoutes } from './registry-routes.ts'
import { Router } from './router.ts'
import { scriptRoutes } from './script-routes.ts'
import { secretRoutes } from './secret-routes.ts'
import { versionRoutes } from './version-routes.ts'
import { requireZone, zoneRoutes } from './zone-routes.ts'

/** The path below which Cloudflare's API answers. */
const apiPrefix = '/client/v4'

/** Not a part of Cloudflare's API, whose tails are live only: the last lines of a script, by its name. */
const logsPath = /^\/capstan\/logs\/([a-z0-9_-]+)$/

/** Whether a path of this server belongs to `Api`. */
export const isApiPath = (path: string): boolean =>
  path === apiPrefix || path.startsWith(`${apiPrefix}/`) || logsPath.test(path)

/** Cloudflare's API over the state of this cloud. */
export class Api {
  readonly #open = new Router()
  readonly #guarded = new Router()
  readonly #rateLimit = new RateLimit()
  readonly #cloud: CloudContext
  readonly #token: string

  constructor(cloud: CloudContext, token: string) {
    this.#cloud = cloud
    this.#token = token
    publicRoutes(this.#open)
    accountRoutes(this.#guarded, cloud)
    scriptRoutes(this.#guarded, cloud)
    secretRoutes(this.#guarded, cloud)
    versionRoutes(this.#guarded, cloud)
    containerRoutes(this.#guarded, cloud)
    registryRoutes(this.#guarded, cloud)
    zoneRoutes(this.#guarded, cloud)
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    setEdgeHeaders(res)
    try {
      sendAnswer(res, await this.#answer(req, res))
    } catch (error) {
      if (!(error instanceof ApiError)) {
        this.#cloud.log.error({ err: error, method: req.method }, 'a call of the API failed')
      }
      // What is left of a refused body is not read: the connection can't be used again.
      if (!req.complete) res.setHeader('connection', 'close')
      sendError(res, error instanceof ApiError ? error : new ApiError('internal'))
    }
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<Answer> {
    const url = new URL(req.url ?? '/', 'http://local-cloud')
    const [, logsOf] = logsPath.exec(url.pathname) ?? []
    if (logsOf !== undefined) {
      requireToken(req, this.#token, false)
      return { result: this.#cloud.logs.of(logsOf) }
    }
    const path = url.pathname.slice(apiPrefix.length)
    if (path === '/ips') return await this.#open.dispatch(req, url, apiPrefix)
    requireToken(req, this.#token, path.endsWith('/tokens/verify'))
    this.#rateLimit.take(res)
    const [, account] = /^\/accounts\/([^/]+)/.exec(path) ?? []
    if (account !== undefined && account !== this.#cloud.accountId) throw new ApiError('unresolvable')
    const [, zone] = /^\/zones\/([^/]+)/.exec(path) ?? []
    if (zone !== undefined) requireZone(this.#cloud, zone)
    return await this.#guarded.dispatch(req, url, apiPrefix, () => {
      const feature = notOffered(path)
      if (feature !== undefined)
        throw new ApiError('notOffered', `The local cloud does not offer ${feature}.`)
    })
  }
}
