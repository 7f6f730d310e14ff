import { type MatchFunction, match } from 'path-to-regexp'
import { malformed } from '../../errors.ts'
import type { Route } from '../route.ts'

/** All routes of one path, by method. Logs contain `path`, the pattern. */
export interface PathRoutes {
  path: string
  methods: ReadonlyMap<string, Route>
  /** The value of the `Allow` header. */
  allow: string
}

export interface RouteMatch {
  routes: PathRoutes
  params: Partial<Record<string, string | string[]>>
}

interface Node {
  children: Map<string, Node>
  /** The paths whose fixed beginning ends at this node, in the order of the routes. */
  paths: { routes: PathRoutes; matches: MatchFunction<RouteMatch['params']> }[]
}

const fixed = /^[a-z0-9._~-]+$/

/**
 * Finds the routes of a path by its fixed first segments. Trying each pattern in turn costs a service with a hundred
 * routes more than all its checks. The rules are those of Express: case and a trailing slash are ignored. One differs:
 * the longest fixed beginning wins over the order, so `/things/new` never matches `/things/:id`.
 */
export function createRouteTable(routes: readonly Route[]): (path: string) => RouteMatch | undefined {
  const root: Node = { children: new Map(), paths: [] }
  const exact = new Map<string, RouteMatch>()
  for (const path of new Set(routes.map((each) => each.path))) {
    const ofPath = routes.filter((each) => each.path === path)
    const pathRoutes = pathRoutesOf(path, ofPath)
    const segments = segmentsOf(path)
    const variable = segments.findIndex((segment) => !fixed.test(segment))
    const beginning = variable === -1 ? segments : segments.slice(0, variable)
    if (variable === -1) exact.set(path, { routes: pathRoutes, params: {} })
    const pattern = path === '/' ? path : path.replace(/\/+$/, '')
    nodeAt(root, beginning).paths.push({ routes: pathRoutes, matches: match(pattern, { decode }) })
  }
  return (path) => exact.get(path) ?? search(root, path)
}

function pathRoutesOf(path: string, routes: readonly Route[]): PathRoutes {
  const methods = new Map(routes.map((each) => [each.method.toUpperCase(), each]))
  const get = methods.get('GET')
  const verbs = [...methods.keys()]
  if (get !== undefined) methods.set('HEAD', get)
  return { path, methods, allow: [...verbs, ...(get === undefined ? [] : ['HEAD'])].join(', ') }
}

const segmentsOf = (path: string) =>
  path
    .toLowerCase()
    .split('/')
    .filter((segment) => segment !== '')

function nodeAt(root: Node, segments: readonly string[]): Node {
  let node = root
  for (const segment of segments) {
    const next = node.children.get(segment) ?? { children: new Map(), paths: [] }
    node.children.set(segment, next)
    node = next
  }
  return node
}

function search(root: Node, path: string): RouteMatch | undefined {
  const visited = [root]
  for (const segment of segmentsOf(path)) {
    const next = visited.at(-1)?.children.get(segment)
    if (next === undefined) break
    visited.push(next)
  }
  for (const node of visited.reverse()) {
    for (const { routes, matches } of node.paths) {
      const matched = matches(path)
      if (matched !== false) return { routes, params: matched.params }
    }
  }
  return undefined
}

function decode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw malformed('The path is malformed', { suggestedAction: 'Percent-encode the path' })
  }
}
