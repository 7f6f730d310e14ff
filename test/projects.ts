import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** `unit` needs no server; `db` PostgreSQL, Redis or programs of its own; `cloud` also the local cloud; `e2e` all of `npm start`. */
export type ProjectName = 'unit' | 'db' | 'cloud' | 'e2e'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'test')

const importPath = /(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']+)'/g
/** A cluster's credentials are read by a process of its own. */
const needsServers = /\binject\(|'node:child_process'|embedded\/postgres\/index\.ts'|\bstartFakeCluster\(/
const needsWorkerd = /from 'miniflare'/

/**
 * Sorts the test files into projects by the most expensive helper that each imports, directly or through other helpers:
 * nobody has to keep a list. @returns paths from the root.
 */
export function sortTests(): Record<ProjectName, string[]> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
  const texts = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]))
  const sorted: Record<ProjectName, string[]> = { unit: [], db: [], cloud: [], e2e: [] }
  for (const file of files.filter((each) => each.endsWith('.test.ts')).toSorted()) {
    sorted[projectOf(file, texts)].push(relative(root, file))
  }
  return sorted
}

function projectOf(test: string, texts: Map<string, string>): ProjectName {
  const reached = reach(test, texts)
  const imports = (helper: string) => reached.has(join(folder, helper))
  const contains = (pattern: RegExp) => [...reached].some((file) => pattern.test(texts.get(file) ?? ''))
  if (imports('helpers/stack.ts') || test.startsWith(join(folder, 'e2e/'))) return 'e2e'
  if (imports('local-cloud/harness.ts') || contains(needsWorkerd)) return 'cloud'
  // Each of these runs wrangler, which takes two seconds.
  const bundles = imports('cli/wrangler/project-folder.ts')
  return bundles || contains(needsServers) ? 'db' : 'unit'
}

/** The files below `test` that a file imports, at any depth, and itself. */
function reach(file: string, texts: Map<string, string>, found = new Set<string>()): Set<string> {
  const text = texts.get(file)
  if (text === undefined || found.has(file)) return found
  found.add(file)
  for (const [, path = ''] of text.matchAll(importPath)) reach(resolve(dirname(file), path), texts, found)
  return found
}
