import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { wranglerConfig } from '../../../src/deployments/commands/wrangler/reading/config-schema.ts'
import { chooseSection } from '../../../src/deployments/commands/wrangler/reading/environments.ts'
import { findWranglerProject } from '../../../src/deployments/commands/wrangler/reading/find-project.ts'
import { readRawConfig } from '../../../src/deployments/commands/wrangler/reading/raw-config.ts'
import { sharedWithProduction } from '../../../src/deployments/commands/wrangler/translation/shared-with-production.ts'
import { translateTriggers } from '../../../src/deployments/commands/wrangler/translation/triggers.ts'
import {
  placeholders,
  secretVariables,
} from '../../../src/deployments/commands/wrangler/translation/warnings.ts'
import { projectWith, requestOf } from './project-folder.ts'

const rawOf = (name: string, text: string) => readRawConfig(join(projectWith({ [name]: text }), name))

describe('a wrangler project', () => {
  test('is the configuration of its own folder, in the order of wrangler', async () => {
    const folder = projectWith({ 'wrangler.toml': '', 'wrangler.jsonc': '', 'below/index.js': '' })
    expect((await findWranglerProject(folder))?.configFile).toBe(join(folder, 'wrangler.jsonc'))
    expect(await findWranglerProject(join(folder, 'below'))).toBeUndefined()
    const named = await findWranglerProject(join(folder, 'wrangler.toml'))
    expect(named).toMatchObject({ folder, configFile: join(folder, 'wrangler.toml'), redirected: false })
    expect(await findWranglerProject(join(folder, 'below/index.js'))).toBeUndefined()
  })

  test('is the configuration that a build has written', async () => {
    const folder = projectWith({
      'wrangler.jsonc': '{}',
      '.wrangler/deploy/config.json': '{"configPath": "../../dist/wrangler.json"}',
    })
    await expect(findWranglerProject(folder)).rejects.toThrow('does not exist: build the project')
    const built = projectWith({
      '.wrangler/deploy/config.json': '{"configPath": "../../dist/wrangler.json"}',
      'dist/wrangler.json': '{}',
    })
    expect(await findWranglerProject(built)).toEqual({
      folder: built,
      configFile: join(built, 'dist/wrangler.json'),
      userConfigFile: undefined,
      redirected: true,
    })
    writeFileSync(join(built, '.wrangler/deploy/config.json'), '[')
    await expect(findWranglerProject(built)).rejects.toThrow('is not usable')
  })

  test('is read as UTF-8, with or without a byte order mark', async () => {
    const name = 'name = "caf\u00e9"\r\n'
    expect((await rawOf('wrangler.toml', `\uFEFF${name}`)).value).toEqual({ name: 'caf\u00e9' })
    const folder = projectWith({ 'wrangler.toml': '' })
    for (const encoding of ['latin1', 'utf16le'] as const) {
      writeFileSync(join(folder, 'wrangler.toml'), Buffer.from(`\uFEFF${name}`, encoding))
      await expect(readRawConfig(join(folder, 'wrangler.toml'))).rejects.toThrow(
        'wrangler.toml is not encoded in UTF-8',
      )
    }
  })

  test('is refused for a syntax error, with its line', async () => {
    await expect(rawOf('wrangler.jsonc', '{\n  "name": "a",\n  main: 1\n}')).rejects.toThrow(
      'wrangler.jsonc, line 3',
    )
    await expect(rawOf('wrangler.toml', 'name = "a"\nmain = \n')).rejects.toThrow('wrangler.toml, line 2')
  })

  test.for([
    [
      'wrangler.toml',
      'name = "a"\npages_build_output_dir = "dist"',
      'line 2: pages_build_output_dir: this is a Pages project',
    ],
    [
      'wrangler.toml',
      'name = "a"\nmain = "i.js"\n[site]\nbucket = "p"',
      'line 3: site: Workers Sites is deprecated',
    ],
    [
      'wrangler.toml',
      'name = "a"\ntype = "webpack"\nzone_id = ""',
      'line 2: type: this is a configuration of wrangler 1',
    ],
    [
      'wrangler.jsonc',
      '{"name": "a",\n"main": "i.js",\n"containers": [{"class_name": "C",\n"image": "./Dockerfile"}]}',
      'line 4: containers[0].image: Capstan builds no images',
    ],
    [
      'wrangler.jsonc',
      '{"name": "a", "main": "i.js", "env": {"staging": {\n"containers": [{"image": "r/a:1"}, {"image": "r/b:1"}]}}}',
      'line 2: env.staging.containers[1]: Capstan deploys one container per app',
    ],
  ] as const)(
    'of a kind that cannot be deployed is refused with key and line: %s %s',
    async ([name, text, problem]) => {
      await expect(requestOf(projectWith({ [name]: text }))).rejects.toThrow(
        `This project can't be deployed:\n  ${name}, ${problem}`,
      )
    },
  )

  test('needs a name that an app can have, or --app', async () => {
    const folder = projectWith({ 'wrangler.toml': '# apps\nname = "My_App"\nmain = "i.js"' })
    await expect(requestOf(folder)).rejects.toThrow(
      'wrangler.toml, line 2: "My_App" can\'t be an app\'s name: expected a DNS label of 1 to 55 characters: a-z, 0-9 and -; choose another with --app',
    )
  })

  test('does not say what capstan.json says, too', async () => {
    const folder = projectWith({
      'wrangler.toml': 'name = "a"',
      'capstan.json': '{"main": "a.js", "durableObjects": ["A"]}',
    })
    await expect(requestOf(folder)).rejects.toThrow('capstan.json has main, durableObjects')
  })
})

describe('the section of an environment', () => {
  const choose = async (text: string, ...rest: [environment: 'staging' | 'production', choice?: object]) => {
    const [environment, choice = {}] = rest
    return chooseSection(await rawOf('wrangler.jsonc', text), environment, { sections: {}, ...choice })
  }
  const both = '{"env": {"production": {}, "staging": {}}}'

  test('has its name, or is the top level', async () => {
    expect(await choose(both, 'production')).toEqual({ section: 'production', borrowed: false })
    expect(await choose(both, 'staging')).toEqual({ section: 'staging', borrowed: false })
    expect(await choose('{}', 'production')).toEqual({ section: '', borrowed: false })
    expect(await choose('{}', 'staging')).toEqual({ section: '', borrowed: true })
  })

  test('can be chosen, and must exist', async () => {
    const text = '{"env": {"live": {}, "test": {}}}'
    expect(await choose(text, 'staging', { section: 'test' })).toEqual({ section: 'test', borrowed: false })
    expect(await choose(text, 'production', { sections: { production: 'live' } })).toMatchObject({
      section: 'live',
    })
    await expect(choose(text, 'staging', { section: 'qa' })).rejects.toThrow(
      'no section env.qa; it has: live, test',
    )
  })

  test('is borrowed by staging if it is that of production, and the top level unless it was chosen', async () => {
    const production = '{"env": {"production": {}}}'
    expect(await choose(production, 'staging')).toEqual({ section: '', borrowed: true })
    expect(await choose(production, 'staging', { sections: { staging: '' } })).toEqual({
      section: '',
      borrowed: false,
    })
    expect(await choose(production, 'staging', { section: 'production' })).toMatchObject({ borrowed: true })
    expect(await choose('{}', 'staging', { sections: { staging: '' } })).toMatchObject({ borrowed: true })
  })

  test('has to be the one that a build was made for', async () => {
    const folder = projectWith({
      '.wrangler/deploy/config.json': '{"configPath": "../../dist/wrangler.json"}',
      'dist/wrangler.json': '{"name": "a", "definedEnvironments": ["staging"], "targetEnvironment": null}',
    })
    await expect(requestOf(folder)).rejects.toThrow(
      'built for the top level of its configuration, but env.staging is deployed: build it again with CLOUDFLARE_ENV=staging',
    )
  })
})

describe('warnings', () => {
  test('name variables that look like secrets, with their line and without their value', async () => {
    const raw = await rawOf(
      'wrangler.jsonc',
      `{"vars": {
        "STRIPE_KEY": "sk_live_abcdef1234567890",
        "DATABASE": "postgres://app:hunter22@db.example.org/app",
        "ADMIN_PASSWORD": "correct-horse",
        "NESTED": {"webhook_secret": "whsec_12345678"},
        "TOKEN_TTL": "86400000",
        "TURNSTILE_SITE_KEY": "0x4AAAAAAAC3DHQFLr1GavRN",
        "API_TOKEN": "<your-token>",
        "HOMEPAGE": "https://example.org/a"
      }}`,
    )
    const found = secretVariables(raw, '')
    expect(found.map((line) => /line (\d+): the variable (\w+)/.exec(line)?.slice(1))).toEqual([
      ['2', 'STRIPE_KEY'],
      ['3', 'DATABASE'],
      ['4', 'ADMIN_PASSWORD'],
      ['5', 'webhook_secret'],
    ])
    expect(found.join()).not.toMatch(/abcdef|hunter|horse|whsec/)
  })

  test('name ids that a template left', async () => {
    const text = `account_id = "your-account-id"
[[kv_namespaces]]
binding = "A"
id = "0123456789abcdef0123456789abcdef"
[[kv_namespaces]]
binding = "B"
id = "<KV_ID>"
[[d1_databases]]
binding = "DB"
database_id = "00000000-0000-0000-0000-000000000000"
[env.staging]
[[env.staging.r2_buckets]]
binding = "R"
bucket_name = "your-bucket"
`
    const raw = await rawOf('wrangler.toml', text)
    expect(placeholders(raw, '').map((line) => /line (\d+): (\w+)/.exec(line)?.slice(1))).toEqual([
      ['1', 'account_id'],
      ['7', 'id'],
      ['10', 'database_id'],
    ])
    expect(placeholders(raw, 'staging')).toEqual([
      'wrangler.toml, line 14: bucket_name is a placeholder (your-bucket)',
    ])
  })

  test("name resources of production that staging's section uses", async () => {
    const text = `[[kv_namespaces]]
binding = "A"
id = "0123"
[[kv_namespaces]]
binding = "B"
id = "4567"
[[queues.producers]]
binding = "Q"
queue = "jobs"
[[r2_buckets]]
binding = "R"
bucket_name = "files"
[env.staging]
routes = ["shop.example.org/*"]
services = [{ binding = "PRICES", service = "prices" }]
[[env.staging.kv_namespaces]]
binding = "OTHER"
id = "0123"
[[env.staging.kv_namespaces]]
binding = "B"
id = "89ab"
[[env.staging.queues.consumers]]
queue = "jobs"
[[env.staging.r2_buckets]]
binding = "R"
bucket_name = "files"
[env.production]
route = "shop.example.org/*"
`
    const raw = await rawOf('wrangler.toml', text)
    const sections = { section: 'staging', production: '' }
    expect(sharedWithProduction(raw, sections, (binding) => binding === 'R')).toEqual([
      'wrangler.toml, line 16: env.staging gives staging the KV namespace of production: 0123, as OTHER',
      'wrangler.toml, line 22: env.staging gives staging the queue of production: jobs',
    ])
    expect(sharedWithProduction(raw, { section: 'staging', production: 'production' }, () => false)).toEqual([
      expect.stringContaining('the route of production: shop.example.org/*'),
    ])
  })
})

test.for(['0 3 * * *', ['0 3 * * *']])(
  'the schedule %j of a workflow is sent as a list of objects',
  (schedules) => {
    const flow = {
      binding: 'A',
      name: 'flow',
      class_name: 'Flow',
      remote: true,
      limits: { steps: 5 },
      schedules,
    }
    const naming = { script: 'a', wranglerName: 'a', borrowed: false, isShared: () => false, mayCreate: true }
    const config = wranglerConfig.parse({ configPath: 'wrangler.toml', name: 'a', workflows: [flow] })
    expect(translateTriggers(config, naming, false).workflows).toEqual([
      { name: 'flow', class_name: 'Flow', limits: { steps: 5 }, schedules: [{ cron: '0 3 * * *' }] },
    ])
  },
)
