import { execFile } from 'node:child_process'
import { chownSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { folderWith } from './folder.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

function run(args: string[], env: Record<string, string>, flags: string[] = []) {
  const { PATH = '' } = process.env
  const command = [...flags, join(root, 'bin/capstan.js'), ...args]
  return new Promise<{ code: number; out: string; err: string }>((resolve) =>
    execFile(
      process.execPath,
      command,
      { cwd: root, env: { PATH, CAPSTAN_ENV_FILE: '', ...env } },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    ),
  )
}

describe('compiled code', () => {
  const version = (XDG_CACHE_HOME: string) => run(['--version'], { XDG_CACHE_HOME })

  test('is kept in the cache folder of the user', async () => {
    const cache = folderWith({})
    expect((await version(cache)).code).toBe(0)
    const folder = join(cache, 'capstan/compiled')
    expect(readdirSync(folder, { recursive: true }).length).toBeGreaterThan(5)
  })

  test.runIf(process.getuid?.() === 0)('is not kept in a folder of another user', async () => {
    const cache = folderWith({})
    const folder = join(cache, 'capstan/compiled')
    mkdirSync(folder, { recursive: true })
    chownSync(folder, 65534, 65534)
    expect((await version(cache)).code).toBe(0)
    expect(readdirSync(folder)).toEqual([])
  })

  test('is not kept, without a message, if the folder can’t be created', async () => {
    const file = join(folderWith({ cache: '' }), 'cache')
    expect(await version(file)).toMatchObject({ code: 0, err: '' })
  })
})

// Prints the packages that a command has loaded.
const reportPackages = `data:text/javascript,${encodeURIComponent(`
import { registerHooks } from 'node:module'
const packages = new Set()
registerHooks({ load(url, context, next) {
  const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1]
  if (name !== undefined) packages.add(name)
  return next(url, context)
} })
process.on('exit', () => process.stderr.write('loaded: ' + [...packages].join(' ') + '\\n'))`)}`

test.each(['deploy list', 'logs shop', 'release list', 'jobs list', 'cloud'])(
  'capstan %s loads no library of the service',
  async (words) => {
    const env = { DATA_DIR: folderWith({}), HOME: folderWith({}), NODE_COMPILE_CACHE: folderWith({}) }
    const { err } = await run(words.split(' '), env, ['--import', reportPackages])
    const [, loaded = ''] = /^loaded: (.*)$/m.exec(err) ?? []
    expect(loaded).toContain('commander')
    for (const name of ['bullmq', 'express', 'ioredis', 'knex', 'miniflare', 'undici'])
      expect(loaded.split(' ')).not.toContain(name)
  },
)
