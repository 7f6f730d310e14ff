import { type MatchFunction, match } from 'path-to-regexp'
import { malformed } from '../../errors.ts'
import type { Route } from '../route.ts'

/** All routes of one path, by method; `path` is what logs call it. */
export interface Place {
  path: string
  methods: ReadonlyMap<string, Route>
  /** For `Allow`. */
  allow: string
}

export interface Found {
  place: Place
  params: Partial<Record<string, string | string[]>>
}

interface Node {
  children: Map<string, Node>
  /** Places whose fixed beginning ends here, in the order of the routes. */
  places: { place: Place; matches: MatchFunction<Found['params']> }[]
}

const fixed = /^[a-z0-9._~-]+$/

/**
 * Finds a path's routes by its fixed first segments instead of trying each pattern in turn, which costs a busy service
 * with a hundred routes more than all its checks. The rules are Express' own: case does not count, nor does a slash at
 * the end; but the longest fixed beginning wins over the order, so `/things/new` is never taken for `/things/:id`.
 */
export function createRouteTable(routes: readonly Route[]): (path: string) => Found | undefined {
  const root: Node = { children: new Map(), places: [] }
  const exact = new Map<string, Found>()
  for (const path of new Set(routes.map((each) => each.path))) {
    const place = placeOf(
      path,
      routes.filter((each) => each.path === path),
    )
    const segments = segmentsOf(path)
    const variable = segments.findIndex((segment) => !fixed.test(segment))
    const beginning = variable === -1 ? segments : segments.slice(0, variable)
    if (variable === -1) exact.set(path, { place, params: {} })
    const pattern = path === '/' ? path : path.replace(/\/+$/, '')
    nodeAt(root, beginning).places.push({ place, matches: match(pattern, { decode }) })
  }
  return (path) => exact.get(path) ?? search(root, path)
}

function placeOf(path: string, there: readonly Route[]): Place {
  const methods = new Map(there.map((each) => [each.method.toUpperCase(), each]))
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
    const next = node.children.get(segment) ?? { children: new Map(), places: [] }
    node.children.set(segment, next)
    node = next
  }
  return node
}

function search(root: Node, path: string): Found | undefined {
  const passed = [root]
  for (const segment of segmentsOf(path)) {
    const next = passed.at(-1)?.children.get(segment)
    if (next === undefined) break
    passed.push(next)
  }
  for (const node of passed.reverse()) {
    for (const { place, matches } of node.places) {
      const matched = matches(path)
      if (matched !== false) return { place, params: matched.params }
    }
  }
  return undefined
}

function decode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw malformed('The path is malformed')
  }
}
