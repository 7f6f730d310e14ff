import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { unsupportedFeature } from '../scripts/unsupported.ts'
import { RateLimit, requireToken } from './access.ts'
import { accountRoutes, publicRoutes } from './account-routes.ts'
import { containerRoutes } from './container-routes.ts'
import { type Answer, type RawAnswer, sendAnswer, sendError, setEdgeHeaders } from './envelope.ts'
import { registryRoutes } from './registry-routes.ts'
import { assetSessionRoutes, assetUploadRoutes, requireUploadToken } from './resources/asset-routes.ts'
import { d1Routes } from './resources/d1-routes.ts'
import { d1TransferRoutes, isTransferPath, transfer } from './resources/d1-transfer-routes.ts'
import { engineRoutes, instanceRoutes } from './resources/instance-routes.ts'
import { kvRoutes } from './resources/kv-routes.ts'
import { pullRoutes } from './resources/pull-routes.ts'
import { producerRoute, queueRoutes } from './resources/queue-routes.ts'
import { r2Routes } from './resources/r2-routes.ts'
import { recordedRoutes, recordRoutes } from './resources/recorded-routes.ts'
import { scheduleRoutes } from './resources/schedule-routes.ts'
import { tailRoutes, traceRoute } from './resources/tail-routes.ts'
import { workflowRoutes } from './resources/workflow-routes.ts'
import { Router } from './router.ts'
import { scriptRoutes } from './script-routes.ts'
import { secretRoutes } from './secret-routes.ts'
import { versionRoutes } from './version-routes.ts'
import { addressRoutes } from './zones/address-routes.ts'
import { requireZone, zoneRoutes } from './zones/zone-routes.ts'

/** The path prefix of Cloudflare's API. */
const apiPrefix = '/client/v4'

/** The prefix of the calls that Workers of Capstan's own make; their credential is not known outside the cloud. */
const internalPrefix = '/capstan/internal'

/** The prefix of what Workers wrote to services that are only recorded. It is an addition to Cloudflare's API. */
const recordedPrefix = '/capstan/recorded'

/** The last log lines of a script. Cloudflare's API has only live tails, so this path is an addition. */
const logsPath = /^\/capstan\/logs\/([a-z0-9_-]+)$/

/** The uploads of assets, whose handler checks the token of the upload session. */
const assetUploadPath = /^\/accounts\/[^/]+\/workers\/assets\/upload(\/[^/]+)?$/

/** True if `Api` handles this path. */
export const isApiPath = (path: string): boolean =>
  path === apiPrefix ||
  path.startsWith(`${apiPrefix}/`) ||
  path.startsWith(`${internalPrefix}/`) ||
  path.startsWith(`${recordedPrefix}/`) ||
  isTransferPath(path) ||
  logsPath.test(path)

/** Cloudflare's API on the state of this cloud. */
export class Api {
  readonly #publicRoutes = new Router()
  readonly #routes = new Router()
  readonly #internalRoutes = new Router()
  readonly #recordedRoutes = new Router()
  readonly #rateLimit = new RateLimit()
  readonly #cloud: CloudContext
  readonly #token: string

  constructor(cloud: CloudContext, token: string) {
    this.#cloud = cloud
    this.#token = token
    publicRoutes(this.#publicRoutes)
    assetUploadRoutes(this.#publicRoutes, cloud)
    assetSessionRoutes(this.#routes, cloud)
    accountRoutes(this.#routes, cloud)
    scriptRoutes(this.#routes, cloud)
    secretRoutes(this.#routes, cloud)
    versionRoutes(this.#routes, cloud)
    containerRoutes(this.#routes, cloud)
    registryRoutes(this.#routes, cloud)
    // Before the routes of single domains, whose ids would match.
    addressRoutes(this.#routes, cloud)
    zoneRoutes(this.#routes, cloud)
    kvRoutes(this.#routes, cloud)
    r2Routes(this.#routes, cloud)
    d1Routes(this.#routes, cloud)
    d1TransferRoutes(this.#routes, cloud)
    scheduleRoutes(this.#routes, cloud)
    queueRoutes(this.#routes, cloud)
    pullRoutes(this.#routes, cloud)
    producerRoute(this.#internalRoutes, cloud)
    workflowRoutes(this.#routes, cloud)
    instanceRoutes(this.#routes, cloud)
    recordRoutes(this.#internalRoutes, cloud)
    recordedRoutes(this.#recordedRoutes, cloud)
    engineRoutes(this.#internalRoutes, cloud)
    tailRoutes(this.#routes, cloud)
    traceRoute(this.#internalRoutes, cloud)
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    setEdgeHeaders(res)
    try {
      sendAnswer(res, await this.#answer(req, res))
    } catch (error) {
      if (!(error instanceof ApiError)) {
        this.#cloud.log.error(
          { err: error, method: req.method },
          'The local cloud could not handle an API request',
        )
      }
      // The rest of a rejected body is not read, so the connection can't be reused.
      if (!req.complete) res.setHeader('connection', 'close')
      sendError(res, error instanceof ApiError ? error : new ApiError('internal'))
    }
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<Answer | RawAnswer> {
    const url = new URL(req.url ?? '/', 'http://local-cloud')
    const [, logsOf] = logsPath.exec(url.pathname) ?? []
    if (logsOf !== undefined) {
      requireToken(req, this.#token, false)
      return { result: this.#cloud.logs.of(logsOf) }
    }
    if (url.pathname.startsWith(`${recordedPrefix}/`)) {
      requireToken(req, this.#token, false)
      return await this.#recordedRoutes.dispatch(req, url, recordedPrefix)
    }
    if (isTransferPath(url.pathname)) {
      const countUpload = () => this.#rateLimit.take(res)
      return await transfer(this.#cloud, req, { path: url.pathname, countUpload })
    }
    if (url.pathname.startsWith(`${internalPrefix}/`)) {
      requireToken(req, this.#cloud.internalSecret, false)
      return await this.#internalRoutes.dispatch(req, url, internalPrefix)
    }
    const path = url.pathname.slice(apiPrefix.length)
    if (path === '/ips') return await this.#publicRoutes.dispatch(req, url, apiPrefix)
    const isAssetUpload = assetUploadPath.test(path)
    if (isAssetUpload) await requireUploadToken(this.#cloud, req)
    else requireToken(req, this.#token, path.endsWith('/tokens/verify'))
    this.#rateLimit.take(res)
    const [, account] = /^\/accounts\/([^/]+)/.exec(path) ?? []
    if (account !== undefined && account !== this.#cloud.accountId) throw new ApiError('unresolvable')
    if (isAssetUpload) return await this.#publicRoutes.dispatch(req, url, apiPrefix)
    const [, zone] = /^\/zones\/([^/]+)/.exec(path) ?? []
    if (zone !== undefined) requireZone(this.#cloud, zone)
    return await this.#routes.dispatch(req, url, apiPrefix, () => {
      const feature = unsupportedFeature(path)
      if (feature !== undefined)
        throw new ApiError('unsupported', `The local cloud does not support ${feature}.`)
    })
  }
}
