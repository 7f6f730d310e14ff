import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canInspectProcesses, processes } from '../../helpers/stack-processes.ts'
import { until } from '../../helpers/until.ts'
import { fakeWrangler, uploading } from './fake-wrangler.ts'
import { projectWith, requestOf, textOf } from './project-folder.ts'

const main = { main_module: 'index.js', bindings: [] }

test("is made by the project's own wrangler, with the options that its version knows", async () => {
  const options = async (version: string) => {
    const { config } = await requestOf(projectWith(fakeWrangler(version, uploading(main))))
    expect(config.source).toMatchObject({ version, whose: 'project' })
    return JSON.parse(textOf(config.modules, 'index.js'))
  }
  expect(await options('4.120.1')).toEqual(
    expect.arrayContaining(['--dry-run', '--env=', '--no-autoconfig', '--containers-rollout=none']),
  )
  const older = await options('4.50.0')
  expect(older).toContain('--dry-run')
  expect(older).not.toContain('--no-autoconfig')
  expect(older).not.toContain('--containers-rollout=none')
})

test("shows wrangler's whole message if it fails", async () => {
  const program = `console.error('\\u001b[31m✘ [ERROR] Build failed with 1 error:\\u001b[0m\\n\\n  src/index.ts:3:5: no such thing\\n\\n🪵  Logs were written to "/tmp/x.log"'); process.exitCode = 1`
  const run = requestOf(projectWith(fakeWrangler('4.120.0', program)))
  await expect(run).rejects.toThrow(
    'wrangler 4.120.0 failed:\n✘ [ERROR] Build failed with 1 error:\n\n  src/index.ts:3:5: no such thing',
  )
})

test('shows the warnings of wrangler as notes', async () => {
  const warn = `console.warn('▲ [WARNING] Processing wrangler.jsonc:\\n\\n    - Unexpected fields found: "extra"\\n\\n\\nTotal Upload: 1 KiB')`
  const { notes } = await requestOf(projectWith(fakeWrangler('4.120.0', warn + uploading(main))))
  expect(notes).toContain('wrangler: Processing wrangler.jsonc:\n    - Unexpected fields found: "extra"')
})

test('passes unknown settings on, and keeps what is not written', async () => {
  const metadata = {
    ...main,
    compatibility_flags: [],
    new_setting: { on: true },
    limits: { cpu_ms: 5 },
    logpush: false,
  }
  const { config } = await requestOf(projectWith(fakeWrangler('4.120.0', uploading(metadata))))
  expect(config).toMatchObject({
    metadata: { new_setting: { on: true } },
    versionSettings: { limits: { cpu_ms: 5 } },
    scriptSettings: { logpush: false },
  })
  expect(config).not.toHaveProperty('compatibility')
  expect(config).not.toHaveProperty('crons')
  expect(config).not.toHaveProperty('workersDev')
})

test('takes no credential of this machine because a file of the project names it', async () => {
  const reading = `exports.unstable_readConfig = ({ config, env }) => ({
    name: 'shop', main: 'index.js', configPath: config, userConfigPath: config, env,
    secrets: { required: ['GITHUB_TOKEN', 'SESSION_KEY'] },
  })`
  const files = fakeWrangler('4.120.0', uploading(main) + reading)
  const shell = { PATH: process.env.PATH, GITHUB_TOKEN: 'of this machine', SESSION_KEY: 'k' }
  const { config, notes } = await requestOf(projectWith(files), {}, shell)
  expect(config.secrets).toEqual({ SESSION_KEY: 'k' })
  expect(config.requiredSecrets).toEqual(['GITHUB_TOKEN', 'SESSION_KEY'])
  expect(notes.join()).toContain('to deploy its value, add --secret GITHUB_TOKEN')
  const asked = await requestOf(projectWith(files), { secret: ['GITHUB_TOKEN'] }, shell)
  expect(asked.config.secrets).toEqual({ SESSION_KEY: 'k', GITHUB_TOKEN: 'of this machine' })
})

test('is refused for code in the service worker format, and for unknown kinds of modules', async () => {
  const old = requestOf(
    projectWith(fakeWrangler('4.120.0', uploading({ body_part: 'index.js', bindings: [] }))),
  )
  await expect(old).rejects.toThrow('wrangler.jsonc, line 1: main: the code is in the service worker format')
  const unknown = requestOf(projectWith(fakeWrangler('4.120.0', uploading(main, 'text/x-new'))))
  await expect(unknown).rejects.toThrow(
    "The module index.js has the type text/x-new, which Capstan can't deploy",
  )
})

test.skipIf(!canInspectProcesses)('is ended with all its programs after its time', async () => {
  const program = `
    const { spawn } = require('node:child_process')
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
    require('node:fs').writeFileSync('pid', String(child.pid))
    console.log('still building')
    setInterval(() => {}, 1000)`
  const folder = projectWith({
    ...fakeWrangler('4.120.0', program),
    'capstan.json': '{"wrangler": {"buildSeconds": 2}}',
  })
  await expect(requestOf(folder)).rejects.toThrow('wrangler did not end within 2 s:\nstill building')
  expect(existsSync(join(folder, 'pid'))).toBe(true)
  const builder = Number(readFileSync(join(folder, 'pid'), 'utf8'))
  // A process that nobody has waited for has no command any more.
  await until(() => !processes().some(({ pid, command }) => pid === builder && command !== ''))
})

test('refuses a binding that staging cannot have of its own, and allows it on request', async () => {
  const bindings = [
    { type: 'hyperdrive', name: 'PG', id: 'f'.repeat(32) },
    { type: 'kv_namespace', name: 'KV', namespace_id: 'a'.repeat(32) },
  ]
  const files = {
    ...fakeWrangler('4.120.0', uploading({ ...main, bindings })),
    'wrangler.jsonc': '{"name": "shop",\n"main": "index.js",\n"hyperdrive": [\n{"binding": "PG"}]}',
  }
  await expect(requestOf(projectWith(files))).rejects.toThrow(
    'wrangler.jsonc, line 4: hyperdrive[0]: the binding PG would give staging a resource of production',
  )
  const shared = await requestOf(
    projectWith({ ...files, 'capstan.json': '{"wrangler": {"shareResources": ["PG"]}}' }),
  )
  expect(shared.config.bindings).toEqual([
    bindings[0],
    { type: 'kv_namespace', name: 'KV', provision: { name: 'shop-staging-kv', create: true } },
  ])
  const all = await requestOf(projectWith(files), { shareResources: true })
  expect(all.config.bindings).toEqual(bindings)
})
