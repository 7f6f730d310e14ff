/** A parsed pattern of a Cloudflare Workers route. */
export interface RoutePattern {
  /**
   * `http://`, `https://`, or empty for both. It is not compared with requests, because the local cloud supports only
   * HTTP.
   */
  scheme: string
  /**
   * The host in lower case without the wildcard: `example.com` for `*example.com`, `.example.com` for `*.example.com`.
   */
  host: string
  /** True if the host begins with `*`. */
  anyPrefix: boolean
  /** The path without the wildcard. It begins with a slash and is case-sensitive. */
  path: string
  /** True if the path ends with `*`. */
  anySuffix: boolean
}

/** The reasons for which Cloudflare rejects a pattern, all with code 10022. */
export type PatternProblem = 'wildcards' | 'query' | 'syntax'

const hostShape = /^\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/
const maxPatternLength = 500

/**
 * Parses a route pattern by Cloudflare's rules: one `*` at the beginning of the host, one at the end of the path, no
 * query. A pattern without a path matches the path `/`.
 */
export function parseRoutePattern(text: string): RoutePattern | { problem: PatternProblem } {
  if (text.length > maxPatternLength) return { problem: 'syntax' }
  const [, scheme = '', rest = ''] = /^(https?:\/\/)?(.*)$/is.exec(text) ?? []
  const slash = rest.indexOf('/')
  const fullHost = (slash === -1 ? rest : rest.slice(0, slash)).toLowerCase()
  const fullPath = slash === -1 ? '/' : rest.slice(slash)
  const anyPrefix = fullHost.startsWith('*')
  const anySuffix = fullPath.endsWith('*')
  const host = anyPrefix ? fullHost.slice(1) : fullHost
  const path = anySuffix ? fullPath.slice(0, -1) : fullPath
  if (rest.includes('?')) return { problem: 'query' }
  if (host.includes('*') || path.includes('*')) return { problem: 'wildcards' }
  const isHost = hostShape.test(host) && (anyPrefix || !host.startsWith('.'))
  if (!isHost || !/^[\x21-\x7e]*$/.test(path) || path.includes('#')) return { problem: 'syntax' }
  return { scheme: scheme.toLowerCase(), host, anyPrefix, path, anySuffix }
}

/** A text that is equal for patterns that Cloudflare considers equal: the scheme and the host are case-insensitive. */
export const canonicalPattern = (pattern: RoutePattern): string =>
  `${pattern.scheme}${pattern.anyPrefix ? '*' : ''}${pattern.host}${pattern.path}${pattern.anySuffix ? '*' : ''}`

/**
 * Compares a request with a pattern in linear time.
 * @param host the host in lower case, without a port
 * @param target the path and the query
 */
export function matchesRoute(pattern: RoutePattern, host: string, target: string): boolean {
  const hostMatches = pattern.anyPrefix ? host.endsWith(pattern.host) : host === pattern.host
  if (!hostMatches) return false
  return pattern.anySuffix ? target.startsWith(pattern.path) : target === pattern.path
}

/** Compares patterns so that more specific ones come first: exact host, longer host, exact path, longer path. */
export function compareSpecificity(a: RoutePattern, b: RoutePattern): number {
  return (
    Number(a.anyPrefix) - Number(b.anyPrefix) ||
    b.host.length - a.host.length ||
    Number(a.anySuffix) - Number(b.anySuffix) ||
    b.path.length - a.path.length
  )
}
