import { describe, expect, test } from 'vitest'
import { stepsOf } from '../../../src/deployments/model/plan-steps.ts'
import { prepareBody } from '../../../src/deployments/model/schema.ts'
import { buildPlan, checkConfig } from '../../../src/deployments/plans/build.ts'
import { CodedError } from '../../../src/platform/errors.ts'
import { parse } from '../../../src/platform/http/validation.ts'
import { createSecrets } from '../../../src/platform/secrets.ts'

const digest = 'a'.repeat(64)
const secrets = createSecrets('a-secret-key-of-the-tests-0123456789')
const marked = 'value-that-no-error-repeats'

const bodyOf = (config: object) => ({
  environment: 'staging',
  config: { appName: 'shop', script: 'export default {}', ...config },
})
const parsed = (config: object) => parse(prepareBody, bodyOf(config), { part: 'body', status: 400 })
const planOf = (config: object) =>
  buildPlan({ ...parsed(config), createdBy: 'user:1', createdAt: new Date() }, secrets)

/** The faults of a configuration as `path: problem`; empty if it is valid. */
function faultsOf(config: object): string[] {
  try {
    checkConfig(parsed(config).config)
    return []
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    const fields = error.options.details?.fields as { path: string; problem: string }[]
    expect(JSON.stringify(fields)).not.toContain(marked)
    return fields.map(({ path, problem }) => `${path}: ${problem}`)
  }
}

const kv = { type: 'kv_namespace', name: 'CACHE', namespace_id: 'abc' }

const project = {
  script: undefined,
  modules: [
    { name: 'index.js', type: 'esm', content: 'eA==' },
    { name: '(site)/[slug].func.js', type: 'esm', content: 'eA==' },
    { name: './übergröße page.txt', type: 'text', content: '' },
  ],
  compatibility: { date: '2026-03-01', flags: ['nodejs_compat', 'experimental:x'] },
  bindings: [
    kv,
    { type: 'd1', name: 'DB', provision: { name: 'shop-db', create: true } },
    { type: 'r2_bucket', name: 'FILES', bucket_name: 'shop-files', jurisdiction: 'eu' },
    { type: 'queue', name: 'JOBS', queue_name: 'jobs', delivery_delay: 5 },
    { type: 'json', name: 'LIMITS', json: { most: [1, null] } },
    { type: 'service', name: 'AUTH', service: 'auth', entrypoint: 'Api', props: { a: 1 } },
    { type: 'durable_object_namespace', name: 'ROOMS', class_name: 'ChatRoom' },
    { type: 'ratelimit', name: 'LIMIT', namespace_id: '1', simple: { limit: 5, period: 60 } },
    { type: 'a_type_of_next_year', name: 'NEW', whatever: { nested: true } },
    { type: 'assets', name: 'ASSETS' },
  ],
  classMigrations: [{ tag: 'v1', new_sqlite_classes: ['ChatRoom'] }],
  keepVars: true,
  versionSettings: { placement: { mode: 'smart' }, limits: { cpu_ms: 50 } },
  scriptSettings: { observability: { enabled: true }, logpush: false },
  metadata: { package_dependencies: [{ name: 'hono' }] },
  assets: {
    files: [{ path: '/a b/ü.html', digest, size: 3, contentType: 'text/html' }],
    config: { not_found_handling: '404-page', run_worker_first: ['/api/*', '!/api/public'] },
  },
  crons: ['*/5 * * * *', '0 0 * * MON'],
  queueConsumers: [{ queue: 'jobs', dead_letter_queue: 'dead', settings: { max_retries: 3 } }],
  workflows: [{ name: 'orders', class_name: 'Orders', limits: { steps: 5 } }],
  databases: [{ binding: 'DB', files: [{ name: '0001_init.sql', digest }] }],
  healthCheck: { enabled: false, method: 'POST', host: 'shop.example.com' },
  source: {
    ...{ tool: 'wrangler', version: '4.164.0', whose: 'project', configPath: 'wrangler.jsonc' },
    ...{ environment: null, redirected: false },
  },
}

describe('a request with everything that a wrangler project has', () => {
  test('is valid, and its plan contains every part unchanged', () => {
    expect(faultsOf(project)).toEqual([])
    const { config } = planOf(project)
    expect(config).toMatchObject({
      ...{ bindings: project.bindings, crons: project.crons, queueConsumers: project.queueConsumers },
      ...{ compatibility: project.compatibility, classMigrations: project.classMigrations },
      ...{ versionSettings: project.versionSettings, scriptSettings: project.scriptSettings },
      ...{ metadata: project.metadata, workflows: project.workflows, keepVars: true },
      databases: [{ ...project.databases[0], table: 'd1_migrations' }],
      assets: { files: 1, bytes: 3, config: project.assets.config },
    })
  })

  test('a plan without them has none of the fields, and the eight steps', () => {
    const { config } = planOf({})
    expect(Object.keys(config)).toEqual([
      ...['script', 'durableObjects', 'environmentVars', 'healthCheck', 'migrations'],
    ])
    expect(Object.keys(config.healthCheck)).toEqual(['path', 'expectStatus', 'timeoutSeconds'])
    expect(stepsOf(config)).toEqual([
      ...['validate_config', 'cloudflare_auth', 'check_quotas', 'upload_container', 'deploy_worker'],
      ...['rollout_container', 'configure_dns', 'health_check'],
    ])
  })

  test('the digest changes with every part, except the project that the request was made from', () => {
    const original = planOf(project).digest
    const { source, ...rest } = project
    expect(planOf(rest).digest).toBe(original)
    for (const part of Object.keys(rest).filter((name) => name !== 'script' && name !== 'modules')) {
      const fewer = Object.fromEntries(Object.entries(rest).filter(([name]) => name !== part))
      expect(planOf(fewer).digest, part).not.toBe(original)
    }
    const moved = { ...project.assets, files: [{ ...project.assets.files[0], path: '/b' }] }
    expect(planOf({ ...project, assets: moved }).digest).not.toBe(original)
  })

  test('the order of static files does not change the digest', () => {
    const file = (path: string) => ({ path, digest, size: 1, contentType: null })
    const planned = (paths: string[]) => planOf({ assets: { files: paths.map(file) } }).digest
    expect(planned(['/b', '/a', '/c'])).toBe(planned(['/a', '/c', '/b']))
  })
})

describe('the container of a project', () => {
  const containerImage = 'registry.example.com/converter:1.0'
  const bindings = [{ type: 'durable_object_namespace', name: 'JOBS', class_name: 'Converter' }]
  const classMigrations = [{ tag: 'v1', new_sqlite_classes: ['Converter'] }]
  const container = { class: 'Converter' }

  test.each([
    ['a binding', { bindings }],
    ['the history of classes', { bindings: [], classMigrations }],
    ['exports', { bindings: [], exports: { Converter: { type: 'durable-object' } } }],
  ])('belongs to a class of %s, and adds no binding', (_, project) => {
    const given = { containerImage, container, ...project }
    expect(faultsOf(given)).toEqual([])
    expect(checkConfig(parsed(given).config).config.durableObjects).toEqual([])
  })

  test('is refused for a class that the project lacks', () => {
    expect(faultsOf({ containerImage, container: { class: 'Other' }, bindings })).toEqual([
      'config.container.class: neither bindings nor classMigrations have Other',
    ])
    expect(faultsOf({ containerImage, container: { class: 'Other' } })).toEqual([
      "config.durableObjects: the container's class Other is missing",
    ])
  })
})

test('an app of static files needs no code', () => {
  const assets = { files: [{ path: '/index.html', digest, size: 1, contentType: 'text/html' }] }
  expect(faultsOf({ script: undefined, assets })).toEqual([])
  expect(planOf({ script: undefined, assets }).modules).toEqual([])
})

describe('binding names are unique', () => {
  test.each([
    ['a variable', { environmentVars: { CACHE: 'x' }, bindings: [kv] }],
    ['a secret', { secrets: { CACHE: marked }, bindings: [kv] }],
    ['a class', { durableObjects: ['Cache'], bindings: [kv] }],
  ])('a binding must not have the name of %s', (_, config) => {
    expect(faultsOf(config)).toEqual(['config.bindings.0.name: another binding has this name'])
  })

  test('nor that of another binding', () => {
    expect(faultsOf({ bindings: [kv, { type: 'ai', name: 'CACHE' }] })).toEqual([
      'config.bindings.1.name: another binding has this name',
    ])
  })
})

describe('invalid bindings are refused by their fields', () => {
  const wanted = { name: 'x', create: true }
  test.each<[object, string]>([
    [{ type: 'kv_namespace' }, 'namespace_id: is required, or provision in its place'],
    [
      { type: 'kv_namespace', namespace_id: 'a', provision: wanted },
      'provision: give either namespace_id or provision',
    ],
    [{ type: 'd1' }, 'id: is required, or provision in its place'],
    [{ type: 'ai', provision: wanted }, 'provision: is not possible for bindings of this type'],
    [
      { type: 'r2_bucket', bucket_name: 'Not A Bucket' },
      'bucket_name: expected 3 to 63 characters: a-z, 0-9 and -',
    ],
    [
      { type: 'queue', provision: { name: 'No Queue', create: true } },
      'provision: the name: expected 1 to 63 characters: a-z, 0-9 and -',
    ],
    [{ type: 'service' }, 'service: expected string'],
    [{ type: 'hyperdrive' }, 'id: expected string'],
    [{ type: 'json' }, 'json: is required'],
    [{ type: 'json', json: 'x'.repeat(5121) }, 'json: expected at most 5120 bytes'],
    [{ type: 'plain_text', text: 'ü'.repeat(2561) }, 'text: expected at most 5120 bytes'],
    [
      { type: 'ratelimit', namespace_id: '1', simple: { limit: 1, period: 30 } },
      'simple.period: expected 10 or 60 seconds',
    ],
    [
      { type: 'secret_text', text: marked },
      'type: secrets belong into config.secrets, where they are encrypted',
    ],
    [
      { type: 'inherit' },
      'type: name the resource: what an inherited binding means would depend on another version',
    ],
  ])('%j', (given, fault) => {
    expect(faultsOf({ bindings: [{ name: 'B', ...given }] })).toEqual([`config.bindings.0.${fault}`])
  })

  test('the id of a D1 database may have the name that the client library uses', () => {
    const { config } = planOf({ bindings: [{ type: 'd1', name: 'DB', database_id: 'abc' }] })
    expect(config.bindings).toEqual([{ type: 'd1', name: 'DB', id: 'abc' }])
  })
})

describe('other parts are refused by their fields', () => {
  const file = { path: '/a', digest, size: 1, contentType: null }
  const module = { name: 'a.js', type: 'esm', content: '' }
  test.each<[string, object, string]>([
    [
      'a module outside the folder',
      { script: undefined, modules: [{ ...module, name: 'a/../../b' }] },
      'config.modules.0.name: must not contain ..',
    ],
    [
      'an absolute module',
      { script: undefined, modules: [{ ...module, name: '/a.js' }] },
      'config.modules.0.name: expected a relative path',
    ],
    [
      'a module with a control character',
      { script: undefined, modules: [{ ...module, name: 'a\n.js' }] },
      'config.modules.0.name: must not contain control characters',
    ],
    [
      'a long module name',
      { script: undefined, modules: [{ ...module, name: 'ü'.repeat(257) }] },
      'config.modules.0.name: expected at most 512 bytes',
    ],
    [
      'the name of the metadata',
      { script: undefined, modules: [{ ...module, name: 'metadata' }] },
      'config.modules.0.name: is reserved: Cloudflare uses it for the settings of an upload',
    ],
    [
      'a module without code',
      { script: undefined, modules: [{ name: 'a.js', type: 'esm' }] },
      'config.modules.0.content: give either content or digest',
    ],
    [
      'a date that does not exist',
      { compatibility: { date: '2026-02-30' } },
      'config.compatibility.date: expected a date like 2026-07-01',
    ],
    [
      'a field that Capstan writes',
      { metadata: { annotations: { 'workers/tag': marked } } },
      'config.metadata.annotations: is written by Capstan, which recognises its versions by it',
    ],
    [
      'a setting in the wrong part',
      { versionSettings: { logpush: true } },
      'config.versionSettings.logpush: belongs into config.scriptSettings',
    ],
    [
      'a file above the folder',
      { assets: { files: [{ ...file, path: '/../x' }] } },
      'config.assets.files.0.path: must not contain . or ..',
    ],
    [
      'a large file',
      { assets: { files: [{ ...file, size: 26_214_401 }] } },
      'config.assets.files.0.size: expected at most 26214400',
    ],
    ['a file twice', { assets: { files: [file, file] } }, 'config.assets.files: has a path twice'],
    [
      'a schedule of four fields',
      { crons: ['* * * *'] },
      'config.crons.0: expected a cron expression of five fields',
    ],
    [
      'a queue twice',
      { queueConsumers: [{ queue: 'a' }, { queue: 'a' }] },
      'config.queueConsumers: names a queue twice',
    ],
    [
      'migrations without a binding',
      { databases: [{ binding: 'DB', files: [] }] },
      'config.databases.0.binding: no binding of type d1 has this name',
    ],
    [
      'assets that do not exist',
      { bindings: [{ type: 'assets', name: 'A' }] },
      'config.bindings.0: there are no assets to bind: give config.assets',
    ],
    [
      'two ways to change classes',
      { classMigrations: [], exports: {} },
      'config.exports: give either exports or classMigrations',
    ],
    [
      'a migration tag twice',
      { classMigrations: [{ tag: 'a' }, { tag: 'a' }] },
      'config.classMigrations: has a tag twice',
    ],
  ])('%s', (_, config, fault) => {
    expect(faultsOf(config)).toEqual([fault])
  })

  test('more variables than Cloudflare allows', () => {
    const environmentVars = Object.fromEntries(Array.from({ length: 127 }, (_, at) => [`V${at}`, 'x']))
    const text = (name: string) => ({ type: 'plain_text', name, text: 'x' })
    expect(faultsOf({ environmentVars, bindings: [text('A')] })).toEqual([])
    expect(faultsOf({ environmentVars, bindings: [text('A'), text('B')] })).toEqual([
      'config.bindings: more than 128 variables together with environmentVars',
    ])
  })
})
