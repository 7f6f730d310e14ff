import { ServerResponse } from 'node:http'
import type { Response } from 'express'
import type { JsonReply, PreparedReply, Reply, ReplyMetadata, Route } from '../route.ts'
import { correlationIdOf, waitingHeaders } from './frame.ts'
import { isNotModified } from './prepared.ts'

const bodiless = new Set([204, 205, 304])
const json = 'application/json; charset=utf-8'

/** Writes a handler's reply as the response. */
export function answer(
  route: Route,
  res: Response,
  { reply, version }: { reply: Reply; version: string },
): void {
  if (reply === undefined) return
  if (reply.prepared === undefined) answerJson(route, res, { reply, version })
  else answerPrepared(res, reply)
}

function answerJson(route: Route, res: Response, { reply, version }: { reply: JsonReply; version: string }) {
  const status = reply.status ?? 200
  const { wrap } = route
  const content = wrap === undefined ? reply.body : wrap(reply.body, metadataOf(res, version))
  const text = JSON.stringify(content)
  // Express handles responses without a body and those with their own content type.
  if (text === undefined || bodiless.has(status) || namesType(reply, res)) {
    if (reply.headers !== undefined) res.set(reply.headers)
    res.status(status).json(content)
    return
  }
  const headers = ['Content-Type', json, 'Content-Length', String(Buffer.byteLength(text))]
  addTo(headers, reply.headers)
  write(res, { status, headers, body: text })
}

function namesType({ headers }: JsonReply, res: Response): boolean {
  for (const name in headers) if (name.toLowerCase() === 'content-type') return true
  return res.hasHeader('Content-Type')
}

function addTo(list: string[], headers: Record<string, string> | undefined): void {
  for (const name in headers) list.push(name, headers[name] ?? '')
}

const metadataOf = (res: Response, version: string): ReplyMetadata => ({
  timestamp: new Date().toISOString(),
  version,
  correlationId: correlationIdOf(res),
})

function answerPrepared(res: Response, reply: PreparedReply): void {
  const { prepared, status = 200 } = reply
  const headers = ['ETag', prepared.etag]
  addTo(headers, reply.headers)
  if (status === 200 && isNotModified(prepared, res.req)) {
    write(res, { status: 304, headers, body: undefined })
    return
  }
  headers.push('Content-Type', prepared.contentType, 'Content-Length', String(prepared.body.length))
  write(res, { status, headers, body: prepared.text ?? prepared.body, ascii: prepared.text !== undefined })
}

interface Written {
  status: number
  headers: string[]
  body: string | Buffer | undefined
  ascii?: boolean
}

/** Writes the head as one list, which Node sends unchanged, unless the handler has set headers that must be merged. */
function write(res: Response, { status, headers, body, ascii = false }: Written): void {
  const waiting = waitingHeaders(res)
  if (waiting === undefined || res.getHeaderNames().length > 0) {
    res.writeHead(status, headers)
  } else {
    // Bypasses the frame's `writeHead`, whose headers are already in the list.
    ServerResponse.prototype.writeHead.call(res, status, waiting.beside(headers).concat(headers))
  }
  if (ascii) res.end(body, 'latin1')
  else res.end(body)
}
