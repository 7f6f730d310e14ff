import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The sources below a folder, by their path from the root. */
function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .toSorted()
}

const textOf = (file: string) => readFileSync(join(root, file), 'utf8')

interface Import {
  from: string
  to: string
}

const statement = /^(?:import|export)\s(?:[^'"();]*?\sfrom\s)?['"](?<path>\.[^'"]+)['"]/gm
const dynamic = /\bimport\(\s*['"](?<path>\.[^'"]+)['"]\s*\)/g

/** Our own files that a file imports, types included, as paths from the root. */
function importsOf(file: string): Import[] {
  const text = textOf(file)
  return [...text.matchAll(statement), ...text.matchAll(dynamic)].map((match) => ({
    from: file,
    to: relative(root, join(root, dirname(file), match.groups?.path ?? '')),
  }))
}

const src = filesOf('src')
const workers = filesOf('workers')
const migrations = filesOf('migrations')
const client = filesOf('client/src')
const imports = [...client, ...src, ...workers, ...migrations].flatMap(importsOf)
const show = (found: Import[]) => found.map(({ from, to }) => `${from} imports ${to}`)

/** Folders of src from the bottom up, below the domains. */
const foundations = ['platform', 'embedded', 'cli']
/** Programs that live in the folder of their domain: they use the configuration of the whole. */
const entries = ['src/local-cloud/main.ts', 'src/release-tracker/kubernetes/credentials-main.ts']

/** `src/<domain>/...`; undefined for the foundations and for the files that put everything together. */
function domainOf(file: string): string | undefined {
  const [top, domain = '', ...rest] = file.split('/')
  const inside = top === 'src' && rest.length > 0 && !entries.includes(file)
  return inside && !foundations.includes(domain) ? domain : undefined
}

/** How far up a file is: the client, platform, embedded, cli, a domain, or what puts the domains together. */
function levelOf(file: string): number {
  const [top, folder = '', ...rest] = file.split('/')
  if (top === 'client') return -1
  if (top !== 'src' || rest.length === 0 || entries.includes(file)) return foundations.length + 1
  const level = foundations.indexOf(folder)
  return level === -1 ? foundations.length : level
}

/**
 * The levels on which the parts (files and folders) at the top of a folder of src stand: the longest chain of imports. Parts
 * that import each other in a circle are a knot, which counts as many levels as it has parts.
 */
function levelsOf(folder: string): { levels: number; knots: string[][] } {
  const partOf = (file: string) => (file.startsWith(`src/${folder}/`) ? file.split('/')[2] : undefined)
  const below = new Map<string, Set<string>>()
  for (const { from, to } of imports) {
    const [part, imported] = [partOf(from), partOf(to)]
    if (part === undefined || imported === undefined || part === imported) continue
    below.set(part, (below.get(part) ?? new Set()).add(imported))
  }
  const reached = new Map([...below.keys()].map((part) => [part, reach(part, below)]))
  const knotOf = (part: string) =>
    [...(reached.get(part) ?? [])].filter((each) => reached.get(each)?.has(part)).toSorted()
  const known = new Map<string, number>()
  const levels = (part: string): number => {
    const knot = knotOf(part).length === 0 ? [part] : knotOf(part)
    const key = knot.join(' ')
    const under = knot.flatMap((each) => [...(below.get(each) ?? [])]).filter((each) => !knot.includes(each))
    if (!known.has(key)) known.set(key, knot.length + Math.max(0, ...under.map(levels)))
    return known.get(key) ?? 0
  }
  const knots = new Map([...below.keys()].map((part) => [knotOf(part).join(' '), knotOf(part)]))
  knots.delete('')
  return { levels: Math.max(0, ...[...below.keys()].map(levels)), knots: [...knots.values()] }
}

/** All parts that a part imports, directly or through others; itself if it is part of a circle. */
function reach(part: string, below: Map<string, Set<string>>, found = new Set<string>()): Set<string> {
  for (const each of below.get(part) ?? []) {
    if (found.has(each)) continue
    found.add(each)
    reach(each, below, found)
  }
  return found
}

describe('the folders', () => {
  it('are read by this test', () => {
    expect(src.length).toBeGreaterThan(100)
    expect(show(imports)).toContain('src/app.ts imports src/catalog.ts')
    expect(show(imports)).toContain('workers/main.ts imports src/context.ts')
  })

  it('import downwards only: the client, platform, embedded, cli, domains, then what puts them together', () => {
    expect(show(imports.filter(({ from, to }) => levelOf(to) > levelOf(from)))).toEqual([])
  })

  it('let a domain reach another through its index only', () => {
    // The configuration is read before a domain is loaded, by the command line, too.
    const isConfig = ({ from, to }: Import) => from === 'src/config.ts' && to.endsWith('/config.ts')
    // A command calls the API, and must not wait for the services that a domain's index loads.
    const isCommand = ({ from, to }: Import) => from === 'src/commands.ts' && /\/commands(?:\.ts|\/)/.test(to)
    const found = imports.filter((each) => {
      const domain = domainOf(each.to)
      if (domain === undefined || domain === domainOf(each.from) || isConfig(each) || isCommand(each))
        return false
      return each.to !== `src/${domain}/index.ts` && !entries.includes(each.from)
    })
    expect(show(found)).toEqual([])
  })

  it('let nothing reach up to the processes', () => {
    const found = imports.filter(
      ({ from, to }) =>
        (to.startsWith('workers/') && !from.startsWith('workers/')) ||
        (to === 'src/app.ts' && from !== 'src/api.ts'),
    )
    expect(show(found)).toEqual([])
  })

  it('have no cycle of imports, those of types included', () => {
    const edges = Map.groupBy(imports, ({ from }) => from)
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (file: string, path: string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      if (done.has(file) || path.includes(file)) return
      for (const { to } of edges.get(file) ?? []) visit(to, [...path, file])
      done.add(file)
    }
    for (const file of edges.keys()) visit(file, [])
    expect(cycles).toEqual([])
  })

  it('have at most 14 levels of imports, and no cycle between the parts of deployments and platform', () => {
    const folders = new Set(src.flatMap((file) => file.split('/').slice(1, -1).slice(0, 1)))
    const measured = [...folders].map((folder) => ({ folder, ...levelsOf(folder) }))
    // The parts of the local cloud share one context, so most of them are one knot.
    const tooDeep = measured.filter(({ folder, levels }) => levels > 14 && folder !== 'local-cloud')
    expect(tooDeep).toEqual([])
    const layered = measured.filter(({ folder }) => ['deployments', 'platform'].includes(folder))
    expect(layered.map(({ folder, knots }) => ({ folder, knots }))).toEqual([
      { folder: 'deployments', knots: [] },
      { folder: 'platform', knots: [] },
    ])
  })

  it('hold at most 12 files', () => {
    const files = Map.groupBy([...client, ...src, ...workers], (file) => dirname(file))
    const crowded = [...files].filter(([, inside]) => inside.length > 12)
    expect(crowded.map(([folder, inside]) => `${folder}: ${inside.length}`)).toEqual([])
  })

  it('have no drawer for odds and ends', () => {
    const parts = src.flatMap((file) => file.replace(/\.ts$/, '').split('/'))
    expect(parts.filter((part) => /^(utils?|common|lib|helpers?|misc|shared)$/.test(part))).toEqual([])
    expect(src.filter((file) => !/^[a-z0-9./-]+$/.test(file))).toEqual([])
  })

  it('keep files readable in one sitting', () => {
    const lines = (file: string) => textOf(file).split('\n').length - 1
    expect([...src, ...workers, ...migrations].filter((file) => lines(file) > 400)).toEqual([])
  })
})

describe('the sources', () => {
  it('export by name', () => {
    const files = [...src, ...workers, ...migrations]
    expect(files.filter((file) => /^export default\b/m.test(codeOf(file)))).toEqual([])
    expect(files.filter((file) => /^export \* from/m.test(textOf(file)))).toEqual([])
  })

  it('read the environment in their entries only', () => {
    // Besides the entries: who starts programs of ours, which inherit it, and the proxies that all programs share.
    const programs = /^src\/(api|start|migrate|cli|local-cloud\/main)\.ts$|^workers\/main\.ts$/
    const others = [
      // Miniflare takes flags for V8 from there only.
      'src/local-cloud/runtime/workerd.ts',
      'src/platform/network/outgoing.ts',
      'src/embedded/supervisor/start-programs.ts',
    ]
    const found = [...src, ...workers, ...migrations].filter((file) => /\bprocess\.env\b/.test(codeOf(file)))
    expect(found.filter((file) => !programs.test(file) && !others.includes(file))).toEqual([])
  })

  it('end their processes in one way', () => {
    const found = [...src, ...workers].filter((file) => /\bprocess\.exit\(/.test(codeOf(file)))
    expect(found).toEqual(['src/platform/process/process-end.ts'])
  })

  it('keep migrations to themselves', () => {
    expect(show(imports.filter(({ from }) => from.startsWith('migrations/')))).toEqual([])
  })

  it('register hooks in the files of tests only', () => {
    // The files of a worker share what they import: a hook of a helper would run for the first of them only.
    const helpers = filesOf('test').filter((file) => !file.endsWith('.test.ts'))
    expect(helpers.filter((file) => /^(before|after)(Each|All)\(/m.test(textOf(file)))).toEqual([])
  })

  it('name Redis and the queue library in few places', () => {
    const found = src.filter((file) => /from '(bullmq|ioredis)'/.test(textOf(file)))
    const allowed = ['jobs/execution/queue-worker.ts', 'rate-limit/redis-bucket.ts', 'redis/connect.ts'].map(
      (file) => `src/platform/${file}`,
    )
    expect(
      found.filter((file) => !file.startsWith('src/platform/queues/') && !allowed.includes(file)),
    ).toEqual([])
  })
})

/** Without comments and without code that is itself only text. */
const codeOf = (file: string) => textOf(file).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|`(?:[^`\\]|\\.)*`/gm, '')
