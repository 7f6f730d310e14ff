import type { Request, Response } from 'express'

/** Sends a JSON text that was written before, or 304 to who has it already. */
export function sendPrepared(req: Request, res: Response, text: { body: Buffer; etag: string }): void {
  res.setHeader('ETag', text.etag)
  res.setHeader('Cache-Control', 'private, no-cache')
  if (matches(req.get('if-none-match'), text.etag)) {
    res.status(304).end()
    return
  }
  res.setHeader('Content-Type', 'application/json; charset=utf-8')
  res.setHeader('Content-Length', text.body.length)
  res.end(text.body)
}

/** A weak tag counts, too: proxies that compress make them of ours. */
function matches(given: string | undefined, etag: string): boolean {
  if (given === undefined) return false
  return given.split(',').some((each) => ['*', etag].includes(each.trim().replace(/^W\//, '')))
}
