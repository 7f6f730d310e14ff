import type { Request, RequestHandler, Response } from 'express'
import { unsupportedMediaType } from '../../platform/errors.ts'

const limit = 16 * 1024

/** The fields of a page's form, sent as a form or as JSON. @throws REQ_005, and the parser's errors */
export async function readForm(req: Request, res: Response): Promise<Record<string, unknown>> {
  if (req.get('content-type') === undefined) return {}
  // Loaded on demand, as a worker process never reads a form.
  const { json, urlencoded } = await import('express')
  if (req.is('application/json') !== false) await read(json({ limit, strict: true }), req, res)
  else if (req.is('application/x-www-form-urlencoded') !== false)
    await read(urlencoded({ limit, extended: false, parameterLimit: 10 }), req, res)
  else throw unsupportedMediaType('The body must be a form or application/json')
  return (req.body ?? {}) as Record<string, unknown>
}

/** True if the client is a program that expects errors as JSON. */
export const isJson = (req: Request): boolean => Boolean(req.is('application/json'))

function read(parser: RequestHandler, req: Request, res: Response): Promise<void> {
  return new Promise((resolve, reject) => {
    parser(req, res, (error?: unknown) => (error === undefined ? resolve() : reject(error)))
  })
}
