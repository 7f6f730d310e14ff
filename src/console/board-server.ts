import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type {
  AppControllerRoute,
  AppViewRoute,
  BullBoardQueues,
  IServerAdapter,
  UIConfig,
} from '@bull-board/api/typings/app'
import express, { type Request, type Response, Router } from 'express'
import { CodedError, internalError, invalidRequest, notFound } from '../platform/errors.ts'
import { unstorableFields } from '../platform/postgres/storable-text.ts'
import { propertiesOf } from '../platform/thrown.ts'
import { boardPage } from './board-page.ts'
import { checkBoardRequest } from './board-queries.ts'

/** Transforms the body of the library's response, for example by redaction. */
type Refine = (body: unknown) => Promise<unknown>

const hashedFileName = /\.[0-9a-f]{8,}\.(?:js|css)$/

/**
 * Serves Bull Board from our own router instead of the library's Express application, whose responses have neither our
 * headers nor our error envelope.
 */
export class BoardServer implements IServerAdapter {
  readonly router = Router()
  readonly #basePath: string
  readonly #refine: Refine
  #queues: BullBoardQueues = new Map()
  #uiConfig: UIConfig = {}
  #views = ''

  constructor(basePath: string, refine: Refine) {
    this.#basePath = basePath
    this.#refine = refine
  }

  setQueues(queues: BullBoardQueues): this {
    this.#queues = queues
    return this
  }

  setViewsPath(path: string): this {
    this.#views = path
    return this
  }

  setStaticPath(route: string, path: string): this {
    // Hashed names change with the content, so browsers may cache these files.
    const setHeaders = (res: Response, file: string) => {
      if (hashedFileName.test(file)) res.setHeader('Cache-Control', 'private, max-age=604800, immutable')
    }
    // A redirect to a folder would be a page of the library's own.
    this.router.use(route, express.static(path, { index: false, redirect: false, setHeaders }))
    return this
  }

  setUIConfig(config: UIConfig): this {
    this.#uiConfig = config
    return this
  }

  /** Does nothing: errors are passed to the application's error handler. */
  setErrorHandler(): this {
    return this
  }

  setEntryRoute({ route, handler }: AppViewRoute): this {
    const { name, params } = handler({ basePath: this.#basePath, uiConfig: this.#uiConfig })
    const page = boardPage(readFileSync(join(this.#views, name), 'utf8'), params)
    this.router.get(route, (_req, res) => {
      res.type('html').send(page)
    })
    return this
  }

  setApiRoutes(routes: AppControllerRoute[]): this {
    const body = express.json({ limit: '100kb' })
    for (const { method, route, handler } of routes) {
      for (const name of [method].flat())
        this.router[name](route, body, (req: Request, res: Response) => this.#answer(handler, req, res))
    }
    return this
  }

  async #answer(handler: AppControllerRoute['handler'], req: Request, res: Response): Promise<void> {
    const { params, query } = req
    refuseUnstorable({ path: params, query, body: req.body })
    await checkBoardRequest(this.#queues, { params, query })
    const headers = {}
    const request = { queues: this.#queues, uiConfig: this.#uiConfig, query, params, body: req.body, headers }
    const { status = 200, body } = await handler(request)
    if (status >= 400) throw toCodedError(status, body)
    res.status(status).json(await this.#refine(body))
  }
}

function refuseUnstorable(parts: Record<'path' | 'query' | 'body', unknown>): void {
  for (const [part, value] of Object.entries(parts)) {
    const fields = unstorableFields(value, part)
    if (fields.length > 0) throw invalidRequest(part, fields)
  }
}

/** Maps an error response of the library, which contains a translation key, to our error codes. */
function toCodedError(status: number, body: unknown): CodedError {
  const error = propertiesOf(propertiesOf(body).error)
  const key = String(error.key ?? '')
  if (status === 404) return notFound(key.includes('QUEUE') ? 'Queue' : key.includes('JOB') ? 'Job' : 'Page')
  if (status < 500) {
    const path = String(propertiesOf(error.options).field ?? (key.includes('BODY') ? 'body' : 'query'))
    const fields = [{ path, problem: 'not valid' }]
    return new CodedError('REQ_002', 'The request is not valid', { details: { fields } })
  }
  return internalError('The console failed', { cause: new Error(`Bull Board answered ${key}`) })
}
