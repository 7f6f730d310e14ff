import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { knownSettings } from '../../../src/config.ts'
import { type EnvFile, readEnvFile } from '../../../src/platform/config/env-file.ts'
import { settingWarnings } from '../../../src/platform/config/unknown-settings.ts'
import { chooseSettings } from '../../../src/platform/installation/index.ts'
import { folderWith } from '../folder.ts'

/** The settings that a command reads from this `.env` in its current folder. */
function taken(text: string, env: NodeJS.ProcessEnv = {}, prepare: (file: string) => void = () => undefined) {
  const cwd = mkdtempSync(join(tmpdir(), 'capstan-found-env-'))
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
  const file = join(cwd, '.env')
  writeFileSync(file, text)
  prepare(file)
  const found = readEnvFile(env, {
    cwd,
    choose: (each) => chooseSettings(each, { env, known: knownSettings }),
  })
  return found?.path === file ? found.settings : undefined
}

const service = 'CAPSTAN_URL=http://capstan.example.org\nCAPSTAN_TOKEN=of-the-file\n'

test('the address of a service and its token are used together', () => {
  expect(taken(service)).toEqual({
    CAPSTAN_URL: 'http://capstan.example.org',
    CAPSTAN_TOKEN: 'of-the-file',
  })
})

test('a token of the environment is not sent to the address of a file', () => {
  const env = { CAPSTAN_TOKEN: 'of-the-shell' }
  expect(taken('CAPSTAN_URL=http://attacker.example.org\nPORT=1\n', env)).toEqual({})
  expect(taken(service, env)).toEqual({ CAPSTAN_TOKEN: 'of-the-file' })
  expect(taken('DATA_DIR=/data\nHOST=attacker.example.org\n')).toEqual({ DATA_DIR: '/data' })
})

test('a password of the environment is not sent to the address of a file', () => {
  const env = { CAPSTAN_PASSWORD: 'of-the-shell' }
  expect(taken('CAPSTAN_URL=http://attacker.example.org\nPORT=1\n', env)).toEqual({})
  expect(taken(service, env)).toEqual({})
  expect(taken('DATA_DIR=/data\nCAPSTAN_TOKEN=of-the-file\n', env)).toMatchObject({
    CAPSTAN_TOKEN: 'of-the-file',
  })
})

test('a command says that it ignores the address of a file', () => {
  const cwd = folderWith({ '.env': service })
  const program = fileURLToPath(new URL('../../../bin/capstan.js', import.meta.url))
  const run = (more: NodeJS.ProcessEnv, ...args: string[]) => {
    const env = { PATH: process.env.PATH, HOME: cwd, XDG_STATE_HOME: cwd, ...more }
    return spawnSync(process.execPath, [program, ...args, 'jobs', 'list'], { cwd, env, encoding: 'utf8' })
      .stderr
  }
  const note = /^note: CAPSTAN_URL of .*\/\.env is ignored, because CAPSTAN_TOKEN is set in the shell/
  expect(run({ CAPSTAN_TOKEN: 'of-the-shell' })).toMatch(note)
  expect(run({ CAPSTAN_TOKEN: 'of-the-shell', CAPSTAN_URL: 'http://127.0.0.1:1' })).not.toMatch(note)
  expect(run({ CAPSTAN_TOKEN: 'of-the-shell' }, '--context', 'prod')).not.toMatch(note)
})

test("proxies, Node's own variables and unknown names are ignored", () => {
  const others = 'HTTPS_PROXY=http://p\nNODE_OPTIONS=--inspect\nNODE_TLS_REJECT_UNAUTHORIZED=0\nPATH=/tmp\n'
  expect(taken(`DATA_DIR=/data\n${others}`)).toEqual({ DATA_DIR: '/data' })
})

test("another project's file is ignored, even with broken lines", () => {
  expect(taken('spring.datasource.url=x\nBROKEN LINE\n')).toBeUndefined()
  expect(taken('PORT=3000\n')).toBeUndefined()
  expect(taken(service, {}, (file) => chmodSync(file, 0o000)) === undefined || process.getuid?.() === 0).toBe(
    true,
  )
})

test('a file of Capstan with a broken line is refused', () => {
  expect(() => taken('DATA_DIR=/data\nBROKEN LINE\n')).toThrow(
    expect.objectContaining({ faults: [expect.stringContaining('line 2: expected NAME=value')] }),
  )
})

test.runIf(process.getuid?.() === 0)('the file of another user is ignored', () => {
  expect(taken(service, {}, (file) => chownSync(file, 65534, 65534))).toBeUndefined()
})

test('unknown names in a file of Capstan are reported, names of other programs are not', () => {
  const warnings = (text: string) => {
    const cwd = folderWith({ '.env': text })
    const choose = (each: EnvFile) => chooseSettings(each, { env: {}, known: knownSettings })
    return settingWarnings({}, readEnvFile({}, { cwd, choose }), knownSettings)
  }
  const named = (name: string, nearest: string) =>
    expect.stringMatching(
      new RegExp(`^${name} in .*/\\.env is not a setting of Capstan; did you mean ${nearest}\\?$`),
    )
  expect(warnings(`${service}DATA_DRI=/data\nSTRIPE_KEY=x\nVITE_PORT=1\n`)).toEqual([
    named('DATA_DRI', 'DATA_DIR'),
  ])
  expect(warnings('CAPSTAN_ULR=http://127.0.0.1:1\nSTRIPE_KEY=x\n')).toEqual([
    named('CAPSTAN_ULR', 'CAPSTAN_URL'),
  ])
  expect(warnings('DATA_DRI=/data\n')).toEqual([])
})

test('no setting of a file becomes a secret of a deployed app', () => {
  const settings = knownSettings.map((name) => `${name}=capstans-own-value-of-${name}`).join('\n')
  const file = join(folderWith({ '.env': settings }), '.env')
  const app = folderWith({
    'capstan.json': JSON.stringify({ app: 'shop' }),
    'index.js': 'export default {}',
  })
  const { PATH = '' } = process.env
  const program = fileURLToPath(new URL('../../../bin/capstan.js', import.meta.url))
  const secrets = knownSettings.flatMap((name) => ['--secret', name])
  const { status, stderr } = spawnSync(process.execPath, [program, 'deploy', app, '--yes', ...secrets], {
    env: { PATH, CAPSTAN_ENV_FILE: file, CAPSTAN_URL: 'http://127.0.0.1:1', CAPSTAN_TOKEN: 'x' },
    encoding: 'utf8',
  })
  expect(status).toBe(2)
  expect(stderr).toContain(`No value for ${knownSettings.join(', ')}`)
})
