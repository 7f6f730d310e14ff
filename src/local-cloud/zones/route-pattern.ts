/** Cloudflare's pattern of a Workers route, split where a wildcard may stand. */
export interface RoutePattern {
  /** `http://`, `https://`, or empty for both. The local cloud speaks HTTP only, so it does not compare the scheme. */
  scheme: string
  /** In lower case, without the wildcard: `example.com` of `*example.com`, `.example.com` of `*.example.com`. */
  host: string
  /** The host began with `*`. */
  anyPrefix: boolean
  /** Begins with a slash; case matters. Without the wildcard. */
  path: string
  /** The path ended with `*`. */
  anySuffix: boolean
}

/** Why Cloudflare refuses a pattern, all with code 10022. */
export type PatternProblem = 'wildcards' | 'query' | 'syntax'

const hostShape = /^\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/
const maxPatternLength = 500

/**
 * Reads a route pattern by Cloudflare's rules: one `*` at the beginning of the host, one at the end of the path, no query.
 * A pattern without a path is for the path `/`.
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

/** Equal for patterns that Cloudflare takes for the same: the case of the scheme and of the host does not matter. */
export const canonicalPattern = (pattern: RoutePattern): string =>
  `${pattern.scheme}${pattern.anyPrefix ? '*' : ''}${pattern.host}${pattern.path}${pattern.anySuffix ? '*' : ''}`

/**
 * Compares a request with a pattern, in time that grows with the length of the two.
 * @param host in lower case, without a port
 * @param target path and query
 */
export function matchesRoute(pattern: RoutePattern, host: string, target: string): boolean {
  const hostMatches = pattern.anyPrefix ? host.endsWith(pattern.host) : host === pattern.host
  if (!hostMatches) return false
  return pattern.anySuffix ? target.startsWith(pattern.path) : target === pattern.path
}

/** Sorts the more specific pattern first: an exact host, then the longer host, then an exact path, then the longer path. */
export function compareSpecificity(a: RoutePattern, b: RoutePattern): number {
  return (
    Number(a.anyPrefix) - Number(b.anyPrefix) ||
    b.host.length - a.host.length ||
    Number(a.anySuffix) - Number(b.anySuffix) ||
    b.path.length - a.path.length
  )
}
