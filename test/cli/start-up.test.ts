import { execFile } from 'node:child_process'
import { chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { helpTexts } from '../../src/cli/run.ts'
import { areas } from '../../src/commands.ts'
import { folderWith } from './folder.ts'
import { capstan } from './run.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const hook = fileURLToPath(new URL('../helpers/list-modules.mjs', import.meta.url))

interface Loaded {
  out: string
  /** Our own files, as paths from the root. */
  files: string[]
  /** The names of the packages. */
  packages: string[]
}

/** Runs the command in a process of its own, in an empty folder. Nothing listens at its CAPSTAN_URL. */
async function modulesOf(...args: string[]): Promise<Loaded> {
  const folder = folderWith({})
  const list = join(folder, 'modules')
  const env = { PATH: process.env.PATH, HOME: folder, LOADED_MODULES: list }
  const api = { CAPSTAN_URL: 'http://127.0.0.1:9', CAPSTAN_TOKEN: 'x', CAPSTAN_PASSWORD: 'a-good-password-1' }
  const command = ['--import', hook, join(root, 'bin/capstan.js'), ...args]
  const out = await new Promise<string>((resolve) => {
    execFile(process.execPath, command, { cwd: folder, env: { ...env, ...api } }, (_error, text) =>
      resolve(text),
    )
  })
  const urls = readFileSync(list, 'utf8').trim().split('\n')
  const paths = urls.map((url) => relative(root, fileURLToPath(url)))
  const packageOf = (path: string) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(path)?.[1]
  return {
    out,
    files: paths.filter((path) => packageOf(path) === undefined),
    packages: [...new Set(paths.flatMap((path) => packageOf(path) ?? []))].toSorted(),
  }
}

describe('the stored help texts', () => {
  test('are those of the commands; npx vitest run test/cli/start-up.test.ts -u writes them', async () => {
    const nothing = { write: () => undefined }
    const unused = () => Promise.reject(new Error('no command runs'))
    const texts = await helpTexts(areas, {
      env: {},
      shellEnv: {},
      client: unused,
      prompt: { interactive: false, ask: unused, firstLine: unused },
      stdout: nothing,
      stderr: nothing,
      exitWith: () => undefined,
    })
    expect(Object.keys(texts)).toEqual(expect.arrayContaining(['', 'deploy', 'deploy list', 'admin create']))
    const file = join(root, 'bin/help.generated.json')
    await expect(`${JSON.stringify(texts, null, 2)}\n`).toMatchFileSnapshot(file)
  })

  test.each(['--help', 'deploy --help', 'jobs list -h', 'help release', 'help', 'completion fish'])(
    'are printed without any other module: %s',
    async (line) => {
      const args = line.split(' ')
      const stored = await modulesOf(...args)
      expect(stored.files).toEqual(['bin/capstan.js', 'bin/stored-answers.js'])
      expect((await capstan(args)).out).toBe(stored.out)
    },
  )
})

describe('a command loads only what it uses', () => {
  test.each(['--version', '-V'])('%s prints the version without any other module', async (option) => {
    const { out, files, packages } = await modulesOf(option)
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect({ out, files, packages }).toEqual({
      out: `${version}\n`,
      files: ['bin/capstan.js', 'bin/stored-answers.js'],
      packages: [],
    })
  })

  const callsTheApi = ['commander', 'openapi-fetch', 'zod']
  test.each([
    ['deploy list', callsTheApi],
    ['deploy . --yes', callsTheApi],
    ['versions shop', callsTheApi],
    ['logs shop', callsTheApi],
    ['rollback shop --yes', callsTheApi],
    ['release list', callsTheApi],
    ['jobs list', callsTheApi],
    ['users list', callsTheApi],
    ['nodes list', callsTheApi],
    ['bridge status', callsTheApi],
    ['badges list', callsTheApi],
    ['whoami', callsTheApi],
    ['status', callsTheApi],
    ['context list', ['commander', 'zod']],
    ['cloud', ['commander', 'zod']],
    ['nodes import missing.json', ['commander', 'zod']],
    ['nonsense', ['commander', 'zod']],
  ])('%s: %s', async (line, packages) => {
    const loaded = await modulesOf(...line.split(' '))
    expect(loaded.packages).toEqual(packages.toSorted())
  })

  test('jobs list: no domain but its settings', async () => {
    const { files } = await modulesOf('jobs', 'list')
    const domains = /^src\/(accounts|deployments|binary-releases|release-tracker|orchestrators|local-cloud)\//
    // The settings of all domains are known: a warning names those that are misspelled.
    const allowed = /\/config\.ts$|^src\/release-tracker\/api-keys\.ts$/
    expect(files.filter((file) => domains.test(file) && !allowed.test(file))).toEqual([])
  })
})

describe('compiled code', () => {
  const runWith = (XDG_CACHE_HOME: string) =>
    new Promise<{ code: number; err: string }>((resolve) => {
      const command = [join(root, 'bin/capstan.js'), 'nonsense']
      const env = { PATH: process.env.PATH, CAPSTAN_ENV_FILE: '', XDG_CACHE_HOME }
      execFile(process.execPath, command, { cwd: root, env }, (error, _out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, err }),
      )
    })
  const unknown = { code: 2, err: "error: unknown command 'nonsense'\n" }

  test('is kept in the cache folder of the user', async () => {
    const cache = folderWith({})
    expect(await runWith(cache)).toEqual(unknown)
    const folder = join(cache, 'capstan/compiled')
    expect(readdirSync(folder, { recursive: true }).length).toBeGreaterThan(5)
  })

  test.runIf(process.getuid?.() === 0)('is not kept in a folder of another user', async () => {
    const cache = folderWith({})
    const folder = join(cache, 'capstan/compiled')
    mkdirSync(folder, { recursive: true })
    chownSync(folder, 65534, 65534)
    expect(await runWith(cache)).toEqual(unknown)
    expect(readdirSync(folder)).toEqual([])
  })

  test('is not kept, without a message, if the folder can’t be created', async () => {
    expect(await runWith(join(folderWith({ cache: '' }), 'cache'))).toEqual(unknown)
  })
})
