import { expect } from 'vitest'
import type { requestOf } from './project-folder.ts'

type Result = Awaited<ReturnType<typeof requestOf>>

interface ProjectCase {
  /** The folder below test/projects. */
  project: string
  flags?: Parameters<typeof requestOf>[1]
  /** Variables of the shell. */
  env?: NodeJS.ProcessEnv
  /** The expected fields of the request. */
  config: object
  /** What else holds. */
  check?(result: Result): void
}

const names = ({ config }: Result) => config.modules?.map(({ name, type }) => `${type} ${name}`)
const settled = { date: '2026-05-01', flags: [] }

/** One project of each kind; every test run bundles these. */
export const sampleCases: ProjectCase[] = [
  {
    project: 'hono-api',
    env: { SESSION_KEY: 'k1', CLOUDFLARE_API_TOKEN: 'not for builds' },
    config: {
      appName: 'notes-api',
      bindings: [
        { type: 'json', name: 'PAGE_SIZE', json: 20 },
        { type: 'kv_namespace', name: 'CACHE', provision: { name: 'notes-api-staging-cache', create: true } },
        { type: 'd1', name: 'DB', provision: { name: 'notes-api-staging-db', create: true } },
      ],
      compatibility: { date: '2026-05-01', flags: ['nodejs_compat'] },
      environmentVars: { SITE_NAME: 'Notes' },
      healthCheck: { expectStatus: '200-499' },
      requiredSecrets: ['SESSION_KEY'],
      scriptSettings: { observability: { enabled: true } },
      secrets: { SESSION_KEY: 'k1' },
      databases: [{ binding: 'DB', files: [{ name: '0001_notes.sql' }, { name: '0002_created.sql' }] }],
      source: { tool: 'wrangler', whose: 'capstan', configPath: 'wrangler.jsonc', environment: null },
    },
    check({ notes, blobs, said }) {
      expect(notes).toEqual([expect.stringContaining('staging uses the top level of wrangler.jsonc')])
      expect(blobs).toHaveLength(2)
      expect(said).toEqual([expect.stringMatching(/^Bundling wrangler.jsonc with Capstan's wrangler 4\./)])
    },
  },
  {
    project: 'cron-queue',
    flags: { environment: 'production' },
    config: {
      bindings: [
        { type: 'queue', name: 'MAILS', provision: { name: 'mails', create: true } },
        { type: 'analytics_engine', name: 'SENT', dataset: 'sent_mails' },
      ],
      crons: ['*/15 * * * *', '0 6 * * 1'],
      queueConsumers: [
        {
          queue: 'mails',
          dead_letter_queue: 'dead-mails',
          settings: { batch_size: 20, max_retries: 4, max_wait_time_ms: 5000, retry_delay: 30 },
        },
      ],
      workersDev: false,
    },
    check: ({ notes }) => expect(notes).toEqual([]),
  },
  {
    project: 'modules',
    config: {
      compatibility: { date: '2026-05-01', flags: ['nodejs_compat'] },
      versionSettings: { placement: { mode: 'smart' }, limits: { cpu_ms: 100 } },
    },
    check(result) {
      expect(names(result)).toEqual([
        'esm index.js',
        expect.stringMatching(/^text \.\/\w{40}-help\.md$/),
        expect.stringMatching(/^text \.\/\w{40}-schema\.sql$/),
        expect.stringMatching(/^wasm \.\/\w{40}-add\.wasm$/),
        'sourcemap index.js.map',
      ])
    },
  },
  {
    project: 'vite-build',
    config: {
      environmentVars: { TITLE: 'Dashboard' },
      assets: { files: [{ path: '/assets/style-9c1d.css', contentType: 'text/css; charset=utf-8' }] },
      source: { configPath: 'build/server/wrangler.json', redirected: true },
    },
    check(result) {
      expect(names(result)).toEqual(['esm index.js', 'esm assets/render-4f2a.js'])
      expect(result.notes.join()).toContain(
        "deploys build/server/wrangler.json, which the project's build wrote",
      )
    },
  },
]

/** All others: `npm run test:projects`. */
export const otherCases: ProjectCase[] = [
  {
    project: 'assets-app',
    flags: { environment: 'production' },
    config: {
      bindings: [
        { type: 'r2_bucket', name: 'PICTURES', provision: { name: 'gallery-pictures', create: true } },
        { type: 'assets', name: 'ASSETS' },
      ],
      assets: {
        files: [{ path: '/app.js' }, { path: '/index.html', contentType: 'text/html; charset=utf-8' }],
        config: {
          not_found_handling: 'single-page-application',
          run_worker_first: ['/api/*'],
          _headers: '/*.js\n  Cache-Control: public, max-age=3600\n',
          _redirects: '/old /new 301\n',
        },
      },
    },
  },
  {
    project: 'assets-only',
    config: {
      assets: {
        files: [{ path: '/.well-known/security.txt' }, { path: '/404.html' }, { path: '/index.html' }],
        config: { html_handling: 'drop-trailing-slash', not_found_handling: '404-page' },
      },
    },
    check({ config, notes }) {
      expect(config.modules).toBeUndefined()
      expect(notes.join()).toContain('not published with the assets: .env.example, wrangler.toml')
    },
  },
  {
    project: 'chat',
    config: {
      bindings: [
        { type: 'durable_object_namespace', name: 'ROOMS', class_name: 'ChatRoom' },
        { type: 'durable_object_namespace', name: 'PEOPLE', class_name: 'Person' },
      ],
      classMigrations: [
        { tag: 'v1', new_sqlite_classes: ['Room'] },
        { tag: 'v2', renamed_classes: [{ from: 'Room', to: 'ChatRoom' }], new_sqlite_classes: ['Person'] },
      ],
    },
  },
  {
    project: 'container',
    config: {
      containerImage: 'registry.example.com/converter:1.4.0',
      container: { class: 'Converter', instanceType: 'basic', maxInstances: 3 },
      bindings: [{ type: 'durable_object_namespace', name: 'CONVERTER', class_name: 'Converter' }],
    },
  },
  {
    project: 'workflow',
    config: {
      bindings: [
        {
          type: 'workflow',
          name: 'FULFIL',
          workflow_name: 'fulfil-order-staging',
          class_name: 'FulfilOrder',
        },
      ],
      workflows: [{ name: 'fulfil-order-staging', class_name: 'FulfilOrder' }],
    },
  },
  {
    project: 'service-pair/shop',
    config: {
      bindings: [
        { type: 'service', name: 'PRICES', service: 'prices-staging', entrypoint: 'Prices' },
        { type: 'service', name: 'SELF', service: 'shop-staging' },
      ],
      hostnames: [],
      workersDev: true,
    },
    check: ({ notes }) =>
      expect(notes.join()).toContain(
        'does not get the routes that it would share with production: shop.example.org',
      ),
  },
  { project: 'service-pair/prices', config: { workersDev: false, compatibility: settled } },
  {
    project: 'no-bundle',
    config: { compatibility: settled },
    check(result) {
      expect(names(result)).toEqual([
        'esm index.js',
        'esm (site)/page.js',
        'esm blog/[slug].func.js',
        'esm chunks/grüße und mehr.js',
      ])
    },
  },
  {
    project: 'environments',
    config: {
      environmentVars: { LEVEL: 'staging' },
      bindings: [{ type: 'kv_namespace', namespace_id: '1123456789abcdef0123456789abcdef' }],
      hostnames: [],
      source: { environment: 'staging' },
    },
  },
  {
    project: 'environments',
    flags: { environment: 'production' },
    config: {
      appName: 'portal',
      environmentVars: { LEVEL: 'production' },
      bindings: [
        { type: 'kv_namespace', namespace_id: '2123456789abcdef0123456789abcdef' },
        { type: 'service', name: 'SELF', service: 'portal' },
      ],
      hostnames: ['portal.example.org'],
      workersDev: true,
    },
    check: ({ notes }) =>
      expect(notes.join()).toContain(
        'wrangler deploys env.production as portal-production; Capstan deploys it as portal',
      ),
  },
  {
    project: 'post-only',
    config: { scriptSettings: { observability: { enabled: true, head_sampling_rate: 0.5 } } },
  },
  {
    project: 'router',
    flags: { environment: 'production', healthPath: '/health' },
    config: {
      previewUrls: true,
      bindings: [
        { type: 'ratelimit', namespace_id: '1001', simple: { limit: 100, period: 60 } },
        { type: 'version_metadata', name: 'VERSION' },
      ],
      healthCheck: { path: '/health' },
    },
  },
  {
    project: 'python',
    config: { compatibility: { flags: ['python_workers'] } },
    check: (result) => expect(names(result)).toEqual(['python entry.py', 'python dates.py']),
  },
]
