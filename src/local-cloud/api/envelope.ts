import { randomBytes } from 'node:crypto'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import type { ApiError } from '../errors.ts'

interface ApiMessage {
  code: number
  message: string
}

export interface PageInfo {
  page: number
  per_page: number
  count: number
  total_count: number
  total_pages: number
  next_page_token?: string
}

/** The position in a list that is read with cursors. */
export interface CursorInfo {
  count?: number
  cursor: string
  is_truncated?: boolean
  per_page?: number
  delimited?: string[]
}

/** A response outside the envelope: the bytes of a stored value. */
export interface RawAnswer {
  raw: Readable
  headers: OutgoingHttpHeaders
  status: number
}

/** The response of a handler: the `result` of Cloudflare's envelope and its optional other fields. */
export interface Answer {
  result: unknown
  messages?: ApiMessage[]
  resultInfo?: PageInfo | CursorInfo
  /** The HTTP status. Default: 200. */
  status?: number
}

/** Sets the headers that Cloudflare's edge adds to every response. */
export function setEdgeHeaders(res: ServerResponse): void {
  res.setHeader('cf-ray', `${randomBytes(8).toString('hex')}-LOCAL`)
  res.setHeader('content-type', 'application/json')
}

export function sendAnswer(res: ServerResponse, answer: Answer | RawAnswer): void {
  if ('raw' in answer) {
    res.writeHead(answer.status, answer.headers)
    // An error ends the connection, so that the client notices the missing bytes.
    pipeline(answer.raw, res, () => {})
    return
  }
  const info = answer.resultInfo === undefined ? {} : { result_info: answer.resultInfo }
  const messages = answer.messages ?? []
  send(res, answer.status ?? 200, { result: answer.result, success: true, errors: [], messages, ...info })
}

export function sendError(res: ServerResponse, error: ApiError): void {
  const chain = error.chain.length > 0 ? { error_chain: error.chain } : {}
  const errors = [{ code: error.code, message: error.message, ...chain }]
  send(res, error.status, { result: null, success: false, errors, messages: [] })
}

function send(res: ServerResponse, status: number, body: object): void {
  if (res.headersSent || res.destroyed) return
  res.statusCode = status
  res.end(JSON.stringify(body))
}

/**
 * Selects one page of a list: `page` from 1, `per_page` 1-1000. Invalid values are replaced with the defaults 1 and 20.
 */
export function paged<T>(all: readonly T[], query: URLSearchParams): { items: T[]; info: PageInfo } {
  const page = positive(query.get('page'), 1, Number.MAX_SAFE_INTEGER)
  const perPage = positive(query.get('per_page'), 20, 1000)
  const items = all.slice((page - 1) * perPage, page * perPage)
  const pages = Math.ceil(all.length / perPage)
  return {
    items,
    info: { page, per_page: perPage, count: items.length, total_count: all.length, total_pages: pages },
  }
}

function positive(text: string | null, fallback: number, max: number): number {
  const value = Number(text ?? fallback)
  return Number.isInteger(value) && value >= 1 ? Math.min(value, max) : fallback
}
