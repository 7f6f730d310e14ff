import type { Request } from 'express'
import { CodedError } from '../../errors.ts'

/** True if an error says that the caller must sign in. */
export function isSignInNeeded(error: unknown): boolean {
  return error instanceof CodedError && (error.code === 'ACCESS_001' || error.code === 'ACCESS_002')
}

/** True for the request of a browser that wants to show a page. A request with a credential of its own is a program's. */
export function wantsPage(req: Request): boolean {
  const mayShow = (req.method === 'GET' || req.method === 'HEAD') && req.headers.authorization === undefined
  return mayShow && req.accepts(['json', 'html']) === 'html'
}
