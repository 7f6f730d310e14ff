import type { IncomingMessage } from 'node:http'
import { ApiError } from '../errors.ts'
import type { Answer, RawAnswer } from './envelope.ts'

export interface Call {
  req: IncomingMessage
  query: URLSearchParams
  /** Returns the decoded value of a path parameter by its name in the pattern. */
  param(name: string): string
}

export type Handler = (call: Call) => Answer | RawAnswer | Promise<Answer | RawAnswer>

interface Route {
  method: string
  segments: string[]
  handler: Handler
}

/**
 * A table of `METHOD /path/{parameter}` routes, matched segment by segment. A last parameter `{name+}` takes the rest of
 * the path.
 */
export class Router {
  readonly #routes: Route[] = []

  on(pattern: string, handler: Handler): this {
    const [method = '', path = ''] = pattern.split(' ')
    this.#routes.push({ method, segments: path.split('/'), handler })
    return this
  }

  /**
   * Runs the handler of the matching route. `onUnknown` is called first if there is none, and may throw another error.
   * @throws ApiError 7000 for an unknown path, 7001 for an unknown method
   */
  async dispatch(
    req: IncomingMessage,
    url: URL,
    prefix: string,
    onUnknown?: () => void,
  ): Promise<Answer | RawAnswer> {
    const segments = url.pathname.slice(prefix.length).replace(/\/$/, '').split('/')
    const matching = this.#routes.filter((route) => matches(route.segments, segments))
    const route = matching.find((candidate) => candidate.method === req.method)
    if (route === undefined) onUnknown?.()
    if (route === undefined) throw new ApiError(matching.length > 0 ? 'methodNotAllowed' : 'noRoute')
    return await route.handler({
      req,
      query: url.searchParams,
      param: (name) => {
        const at = route.segments.indexOf(`{${name}}`)
        return decode(name.endsWith('+') ? segments.slice(at).join('/') : (segments[at] ?? ''))
      },
    })
  }
}

function matches(pattern: string[], segments: string[]): boolean {
  const isOpen = pattern.at(-1)?.endsWith('+}') === true && segments.length >= pattern.length
  if (isOpen) return matches(pattern.slice(0, -1), segments.slice(0, pattern.length - 1))
  if (pattern.length !== segments.length) return false
  return pattern.every((part, at) => (part.startsWith('{') ? segments[at] !== '' : part === segments[at]))
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new ApiError('unresolvable')
  }
}
