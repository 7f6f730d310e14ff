import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Answering, deploymentApi, json, refusal, startFakeApi, wrapped } from '../fake-api.ts'
import { capstan } from '../run.ts'
import { fakeWrangler, uploading } from './fake-wrangler.ts'
import { projectWith } from './project-folder.ts'

const metadata = { main_module: 'index.js', bindings: [{ type: 'd1', name: 'DB', id: '1'.repeat(36) }] }
const config = { name: 'shop', main: 'index.js', d1_databases: [{ binding: 'DB' }] }
const sql = (number: number) => `create table t${number} (id integer);`

/** A project with a D1 database and this many migrations. */
const projectFiles = (migrations: number) => ({
  ...fakeWrangler(
    '4.120.0',
    `${uploading(metadata)}\nconst read = exports.unstable_readConfig
exports.unstable_readConfig = (args) => ({ ...read(args), ...${JSON.stringify(config)} })`,
  ),
  ...Object.fromEntries(
    Array.from({ length: migrations }, (_, number) => [`migrations/${number + 1}_t.sql`, sql(number)]),
  ),
})

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')
const at = (api: { url: string }) => ({ CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'ora_x' })

/** An API that lacks blobs, and otherwise answers like `rest`. */
const withBlobs =
  (missing: string[], rest: Answering): Answering =>
  (asked, res) => {
    if (asked.path === '/deploy/blobs/missing') return json(res, 200, wrapped({ missing }))
    if (asked.path.startsWith('/deploy/blobs/'))
      return json(res, 200, wrapped({ digest: asked.path.split('/').at(-1) }))
    rest(asked, res)
  }

describe('capstan deploy in a wrangler project', () => {
  test('sends only the files that the service lacks, before it prepares', async () => {
    const missing = [digestOf(sql(1)), digestOf(sql(3))]
    const api = await startFakeApi(withBlobs(missing, deploymentApi('completed')))
    const { code, err } = await capstan(['deploy', projectWith(projectFiles(5)), '--yes'], { env: at(api) })
    expect(err).toContain('Sent 2 files of 5; the service had the other 3')
    expect(code).toBe(0)
    const paths = api.asked.map(({ method, path }) => `${method} ${path}`)
    expect(paths.slice(0, 4).toSorted()).toEqual(
      [
        'POST /deploy/blobs/missing',
        'POST /deploy/prepare',
        ...missing.map((each) => `PUT /deploy/blobs/${each}`),
      ].toSorted(),
    )
    expect(paths[0]).toBe('POST /deploy/blobs/missing')
    expect(paths[3]).toBe('POST /deploy/prepare')
    const sent = api.asked.filter(({ method }) => method === 'PUT')
    expect(sent.map(({ headers }) => headers['content-type'])).toEqual(
      Array(2).fill('application/octet-stream'),
    )
    expect(sent.map(({ body, path }) => path.endsWith(digestOf(body)))).toEqual([true, true])
  })

  test('prints the plan as text, JSON or Markdown, and deploys nothing', async () => {
    const api = await startFakeApi(withBlobs([], deploymentApi('completed')))
    const folder = projectWith(projectFiles(0))
    const run = (...args: string[]) => capstan(['deploy', folder, ...args], { env: at(api) })
    expect((await run('--plan')).out).toMatch(
      /^Plan: shop to staging, 1 module, main index.js\n.*create +durable object +Counter/s,
    )
    const document = await run('--plan=json')
    expect(JSON.parse(document.out)).toMatchObject({ plan: { digest: 'sha256:aa' } })
    const { out, code } = await run('--plan=markdown')
    expect(out).toMatch(/^## Plan: shop to staging\n/)
    expect(out).toContain('| create | durable object | Counter |  |')
    expect(out).toContain('- Source: wrangler.jsonc, wrangler 4.120.0')
    expect(code).toBe(0)
    expect((await run('--plan=html')).err).toContain('--plan has to be text, json, markdown')
    expect(new Set(api.asked.map(({ path }) => path))).toEqual(new Set(['/deploy/prepare']))
  })

  test('makes a new plan with --replan if the app has changed, and is refused without', async () => {
    const stale = refusal('STATE_001', 'The app has changed since the plan was made: another version serves')
    const answer = deploymentApi('completed')
    const api = await startFakeApi((asked, res) => {
      const starts = api.asked.filter(({ path }) => path === '/deploy').length
      if (asked.path !== '/deploy' || starts !== 1) return answer(asked, res)
      Object.assign(stale.error.details, { changes: ['another version serves'] })
      json(res, 409, stale)
    })
    const folder = projectWith(projectFiles(0))
    const replanned = await capstan(['deploy', folder, '--yes', '--replan'], { env: at(api) })
    expect(replanned.err).toContain(
      'note: The app has changed since the plan was made: another version serves. This is the new plan:',
    )
    expect(replanned.code).toBe(0)
    expect(api.asked.filter(({ path }) => path === '/deploy/prepare')).toHaveLength(2)
    api.asked.length = 0
    expect((await capstan(['deploy', folder, '--yes'], { env: at(api) })).code).toBe(2)
  })

  test('passes on the steps of traffic, and the options of the health check and of migrations', async () => {
    const api = await startFakeApi(withBlobs([], deploymentApi('completed')))
    const args = ['--traffic', '10,50,100', '--every', '90s', '--no-migrate', '--no-create', '--app', 'store']
    const health = [
      '--health-path',
      '/up',
      '--health-method',
      'head',
      '--health-status',
      '200-299',
      '--no-health-check',
    ]
    const { code } = await capstan(['deploy', projectWith(projectFiles(1)), '--yes', ...args, ...health], {
      env: at(api),
    })
    expect(code).toBe(0)
    const bodyOf = (path: string) => api.asked.find((each) => each.path === path)?.body
    expect(bodyOf('/deploy').options).toMatchObject({ traffic: { steps: [10, 50, 100], everySeconds: 90 } })
    expect(bodyOf('/deploy/prepare').config).toMatchObject({
      appName: 'store',
      noMigrate: true,
      bindings: [{ type: 'd1', name: 'DB', provision: { name: 'store-staging-db', create: false } }],
      healthCheck: { enabled: false, path: '/up', method: 'HEAD', expectStatus: '200-299' },
    })
    for (const traffic of ['10,50', '50,10,100', '0,100', 'all'])
      expect((await capstan(['deploy', '.', '--yes', '--traffic', traffic], { env: at(api) })).err).toContain(
        'rising shares',
      )
    expect((await capstan(['deploy', '.', '--yes', '--every', '2d'], { env: at(api) })).err).toContain(
      'at most 24 hours',
    )
  })

  test('refuses options that need a wrangler configuration where there is none', async () => {
    const folder = projectWith({ 'index.js': 'export default {}' })
    const { code, err } = await capstan(['deploy', folder, '--yes', '--share-resources', '--no-migrate'])
    expect(code).toBe(2)
    expect(err).toContain('has no wrangler configuration, which --share-resources, --no-migrate needs')
  })
})
