import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allRoutes, allSockets } from '../src/app.ts'
import { createTestContext, type TestContext } from './helpers/context.ts'

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
  typeOnly: boolean
}

const statement = /^(?:import|export)\s(?<what>[^'"();]*?\sfrom\s)?['"](?<path>\.[^'"]+)['"]/gm
const dynamic = /\bimport\(\s*['"](?<path>\.[^'"]+)['"]\s*\)/g

/** Our own files that a file imports, as paths from the root. */
function importsOf(file: string): Import[] {
  const text = textOf(file)
  return [...text.matchAll(statement), ...text.matchAll(dynamic)].map((match) => {
    const { what = '', path = '' } = match.groups ?? {}
    // Only a whole `import type` is left out at run time: of `import { type A }` the import itself stays.
    const typeOnly = what.startsWith('type ')
    return { from: file, to: relative(root, join(root, dirname(file), path)), typeOnly }
  })
}

const src = filesOf('src')
const workers = filesOf('workers')
const migrations = filesOf('migrations')
const imports = [...src, ...workers, ...migrations].flatMap(importsOf)
const show = (found: Import[]) => found.map(({ from, to }) => `${from} imports ${to}`)

/** Folders below the domains: what every process needs, what the embedded default needs, and the command line. */
const foundations = ['platform', 'embedded', 'cli']
const isFoundation = (file: string) => foundations.some((folder) => file.startsWith(`src/${folder}/`))

/** `src/<domain>/...`; undefined for the foundations and for the files that put everything together. */
function domainOf(file: string): string | undefined {
  const [top, domain = '', ...rest] = file.split('/')
  return top === 'src' && rest.length > 0 && !foundations.includes(domain) ? domain : undefined
}

describe('the folders', () => {
  it('are read by this test', () => {
    expect(src.length).toBeGreaterThan(100)
    expect(show(imports)).toContain('src/app.ts imports src/catalog.ts')
    expect(show(imports)).toContain('workers/main.ts imports src/context.ts')
  })

  it('keep the platform, the embedded servers and the command line free of domains', () => {
    expect(show(imports.filter(({ from, to }) => isFoundation(from) && !isFoundation(to)))).toEqual([])
  })

  it('let a domain reach another through its index only', () => {
    const found = imports.filter(({ from, to }) => {
      const domain = domainOf(to)
      return domain !== undefined && domain !== domainOf(from) && to !== `src/${domain}/index.ts`
    })
    expect(show(found)).toEqual([])
  })

  it('let nothing reach up to the processes', () => {
    const found = imports.filter(
      ({ from, to }) =>
        (to.startsWith('workers/') && !from.startsWith('workers/')) ||
        (to === 'src/app.ts' && from !== 'src/api.ts') ||
        (to === 'src/context.ts' && domainOf(from) !== undefined && !isTypeOnly(from, to)),
    )
    expect(show(found)).toEqual([])
  })

  it('have no cycle of imports at run time', () => {
    const edges = Map.groupBy(
      imports.filter(({ typeOnly }) => !typeOnly),
      ({ from }) => from,
    )
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
    const entries = /^src\/(api|start|migrate|cli|local-cloud\/main)\.ts$|^workers\/main\.ts$/
    const others = [
      // Miniflare takes flags for V8 from there only.
      'src/local-cloud/runtime/workerd.ts',
      'src/platform/config/index.ts',
      'src/platform/network/outgoing.ts',
      'src/embedded/supervisor/start-programs.ts',
    ]
    const found = [...src, ...workers, ...migrations].filter((file) => /\bprocess\.env\b/.test(codeOf(file)))
    expect(found.filter((file) => !entries.test(file) && !others.includes(file))).toEqual([])
  })

  it('end their processes in one way', () => {
    const found = [...src, ...workers].filter((file) => /\bprocess\.exit\(/.test(codeOf(file)))
    expect(found).toEqual(['src/platform/process/process-end.ts'])
  })

  it('keep migrations to themselves', () => {
    const found = imports.filter(({ from, typeOnly }) => from.startsWith('migrations/') && !typeOnly)
    expect(show(found)).toEqual([])
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

const isTypeOnly = (from: string, to: string) =>
  imports.filter((each) => each.from === from && each.to === to).every((each) => each.typeOnly)

/** Without comments and without code that is itself only text. */
const codeOf = (file: string) => textOf(file).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|`(?:[^`\\]|\\.)*`/gm, '')

describe('the table of routes', () => {
  let ctx: TestContext
  beforeAll(async () => {
    ctx = await createTestContext()
  })
  afterAll(() => ctx?.dispose())

  it('is this, so that a new open route is noticed', () => {
    const routes = allRoutes(ctx, () => false)
    const table = routes.map(({ method, path, access }) => `${method.toUpperCase()} ${path} ${access}`)
    expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length)
    expect(table.toSorted()).toEqual([
      'DELETE /api/badges/tokens/:id tracker:write',
      'DELETE /api/v1/auth/tokens/:id signed-in',
      'DELETE /api/v1/maintenance-windows/:id orchestrators:write',
      'DELETE /api/v1/orchestrators/:id orchestrators:write',
      'DELETE /api/v1/users/:id accounts:admin',
      'DELETE /api/v1/users/:id/tokens/:token accounts:admin',
      'DELETE /deploy/apps/:app/:environment deployments:write',
      'DELETE /deploy/environments/:environment/credentials accounts:admin',
      'DELETE /releases/:version/draft releases:publish',
      'GET /admin open',
      'GET /api/badges/tokens tracker:read',
      'GET /api/clients-environments tracker:read',
      'GET /api/config tracker:read',
      'GET /api/releases/compare tracker:read',
      'GET /api/releases/current tracker:read',
      'GET /api/releases/events tracker:read',
      'GET /api/releases/history tracker:read',
      'GET /api/releases/history/:client/:env/:namespace/:workload/:container tracker:read',
      'GET /api/v1/auth/me signed-in',
      'GET /api/v1/auth/tokens signed-in',
      'GET /api/v1/maintenance-windows orchestrators:read',
      'GET /api/v1/orchestrators orchestrators:read',
      'GET /api/v1/orchestrators/:id orchestrators:read',
      'GET /api/v1/orchestrators/:id/history orchestrators:read',
      'GET /api/v1/orchestrators/events orchestrators:read',
      'GET /api/v1/orchestrators/status orchestrators:read',
      'GET /api/v1/orchestrators/status/summary orchestrators:read',
      'GET /api/v1/orchestrators/summary orchestrators:read',
      'GET /api/v1/statistics/bridge orchestrators:read',
      'GET /api/v1/statistics/networks orchestrators:read',
      'GET /api/v1/statistics/uptime orchestrators:read',
      'GET /api/v1/users accounts:admin',
      'GET /api/v1/users/:id accounts:admin',
      'GET /api/v1/users/:id/tokens accounts:admin',
      'GET /badges/:key/:client/:env/:kind/:workload/:container open',
      'GET /deploy deployments:read',
      'GET /deploy/:id/logs deployments:read',
      'GET /deploy/:id/status deployments:read',
      'GET /deploy/apps deployments:read',
      'GET /deploy/apps/:app/:environment/logs deployments:read',
      'GET /deploy/apps/:app/:environment/versions deployments:read',
      'GET /deploy/environments/:environment/credentials deployments:read',
      'GET /deploy/metrics deployments:read',
      'GET /download/:version/:platform releases:read',
      'GET /health open',
      'GET /health/deployment deployments:read',
      'GET /health/ready open',
      'GET /jobs jobs:read',
      'GET /jobs/:id jobs:watch',
      'GET /jobs/:id/events jobs:watch',
      'GET /login open',
      'GET /release-store/*key open',
      'GET /releases releases:read',
      'GET /releases/:version releases:read',
      'GET /releases/:version/downloads releases:read',
      'GET /releases/:version/draft releases:publish',
      'GET /releases/:version/signature releases:read',
      'GET /releases/keys releases:read',
      'GET /releases/latest releases:read',
      'GET /releases/updates releases:read',
      'PATCH /api/v1/orchestrators/:id orchestrators:write',
      'PATCH /api/v1/users/:id accounts:admin',
      'POST /api/badges/tokens tracker:write',
      'POST /api/collect tracker:write',
      'POST /api/collect/batch tracker:write',
      'POST /api/ping tracker:write',
      'POST /api/v1/auth/login open',
      'POST /api/v1/auth/logout signed-in',
      'POST /api/v1/auth/password signed-in',
      'POST /api/v1/auth/tokens signed-in',
      'POST /api/v1/maintenance-windows orchestrators:write',
      'POST /api/v1/orchestrators orchestrators:write',
      'POST /api/v1/users accounts:admin',
      'POST /auth/cloudflare/verify deployments:write',
      'POST /auth/github-app/token deployments:write:production',
      'POST /deploy deployments:write',
      'POST /deploy/:id/cancel deployments:write',
      'POST /deploy/:id/retry deployments:write',
      'POST /deploy/:id/rollback deployments:write',
      'POST /deploy/apps/:app/:environment/rollback deployments:write',
      'POST /deploy/prepare deployments:write',
      'POST /deploy/validate deployments:write',
      'POST /jobs/:id/cancel jobs:write',
      'POST /jobs/:id/retry jobs:write',
      'POST /login open',
      'POST /logout open',
      'POST /releases releases:publish',
      'POST /releases/:version/files releases:publish',
      'POST /releases/:version/promote releases:publish',
      'POST /releases/:version/publish releases:publish',
      'POST /releases/:version/yank releases:publish',
      'PUT /api/collect/:namespace/:kind/:workload/:container tracker:write',
      'PUT /deploy/environments/:environment/credentials accounts:admin',
      'PUT /release-store/*key open',
    ])
  })

  it('has these sockets beside it', () => {
    const table = allSockets(ctx).map(({ path, access }) => `${path} ${access}`)
    expect(table).toEqual(['/api/v1/ws/status orchestrators:read'])
  })
})
