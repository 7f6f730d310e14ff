import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { knownSettings, processSettings } from '../../../src/config.ts'
import { addSettings, readEnvFile } from '../../../src/platform/config/env-file.ts'
import { settingWarnings } from '../../../src/platform/config/unknown-settings.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'capstan-env-file-'))
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
})

/** The environment of a process in a folder with this `.env`. */
function environment(text: string, env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const path = join(cwd, '.env')
  writeFileSync(path, text)
  addSettings(env, readEnvFile(env, { cwd }))
  return env
}

describe('.env', () => {
  test('adds settings; the environment wins', () => {
    const env = environment(
      'PORT=9000\r\n# a comment\nexport HOST="::1" # inside\nLOG_LEVEL=debug\nREDIS_URL=\n',
      {
        LOG_LEVEL: 'warn',
        PORT: '',
      },
    )
    expect(env).toEqual({ PORT: '', HOST: '::1', LOG_LEVEL: 'warn' })
  })

  test('may have values of several lines', () => {
    expect(environment('KEY="one\ntwo = 2\nthree"\nPORT=1')).toEqual({
      KEY: 'one\ntwo = 2\nthree',
      PORT: '1',
    })
  })

  test('resolves paths relative to its own folder', () => {
    expect(environment('DATA_DIR=data\nMASTER_CA_FILE=/etc/ca.pem').DATA_DIR).toBe(join(cwd, 'data'))
  })

  test.each([
    ['PORT 9000\nSECRET_KEY', ['line 1: expected NAME=value', 'line 2: expected NAME=value']],
    ['\nKEY="open\nPORT=1', ['line 2: the quoted value has no closing quote']],
    ['1ST=x', ['line 1: expected NAME=value']],
  ])('with a line that is not a setting is refused without the line’s text (%#)', (text, faults) => {
    const path = join(cwd, '.env')
    expect(() => environment(text)).toThrow(
      expect.objectContaining({ faults: faults.map((fault) => `${path}: ${fault}`) }),
    )
  })

  test('that cannot be read is reported by name', () => {
    mkdirSync(join(cwd, '.env'))
    expect(() => readEnvFile({}, { cwd })).toThrow(`${join(cwd, '.env')}: can't be read (EISDIR)`)
    expect(() => readEnvFile({ CAPSTAN_ENV_FILE: 'other.env' }, { cwd })).toThrow('other.env')
  })

  test('is not read if CAPSTAN_ENV_FILE is empty or names another file', () => {
    writeFileSync(join(cwd, '.env'), 'PORT=1')
    writeFileSync(join(cwd, 'other.env'), 'PORT=2')
    expect(readEnvFile({ CAPSTAN_ENV_FILE: '' }, { cwd })).toBeUndefined()
    expect(readEnvFile({ CAPSTAN_ENV_FILE: 'other.env' }, { cwd })?.settings).toEqual({ PORT: '2' })
  })
})

describe('an unknown setting', () => {
  const warnings = (env: NodeJS.ProcessEnv) => settingWarnings(env, undefined, knownSettings)

  test.each([
    ['DATABSE_URL', 'DATABASE_URL'],
    ['LOG_LEVLE', 'LOG_LEVEL'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['CAPSTAN_TOKN', 'CAPSTAN_TOKEN'],
    ['ORCHESTRATOR_POL_INTERVALL', 'ORCHESTRATOR_POLL_INTERVAL'],
    ['redis_url', 'REDIS_URL'],
    ['PROT', 'PORT'],
  ])('in the environment is reported with the setting that was meant: %s', (name, meant) => {
    expect(warnings({ [name]: 'secret-value' })).toEqual([
      `${name} is not a setting of Capstan; did you mean ${meant}?`,
    ])
  })

  test('is not reported for variables of other programs', () => {
    const usual = `PATH HOME HOSTNAME NODE NODE_ENV NODE_OPTIONS npm_config_loglevel TERM LANG USER SHELL PWD SHLVL OLDPWD
      http_proxy https_proxy no_proxy HTTP_PROXY ALL_PROXY CI GITHUB_ACTIONS GITHUB_API_URL GITHUB_TOKEN GITHUB_REF
      CLOUDFLARE_API_KEY CLOUDFLARE_EMAIL DATABASE_HOST DATABASE_NAME REDIS_HOST REDIS_PORT REDIS_PASSWORD PGHOST
      CAPSTAN_SERVICE_HOST CAPSTAN_SERVICE_PORT CAPSTAN_PORT CAPSTAN_PORT_8000_TCP KUBERNETES_PORT KUBERNETES_SERVICE_PORT
      AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION LOGNAME MAIL EDITOR DISPLAY XDG_STATE_HOME SSH_AUTH_SOCK
      DEVICE_NAME ORCHESTRATOR_IP_1 ORCHESTRATOR_NAME_1 ORCHESTRATOR_PUBKEY_1 POSTGRES_USER POSTGRES_DB PORTS POST MODEL`
    const env = Object.fromEntries(usual.split(/\s+/).map((name) => [name, 'x']))
    expect(warnings(env)).toEqual([])
    expect(warnings({ DATABASE_URI: 'x', DATABASE_URL: 'x' })).toEqual([])
  })

  test('in the file is reported, with or without a similar setting', () => {
    writeFileSync(join(cwd, '.env'), 'PROT=1\nSOMETHING_ELSE=2\nNODE_ENV=production\nPORT=3')
    const file = readEnvFile({}, { cwd })
    expect(settingWarnings({}, file, knownSettings)).toEqual([
      `PROT in ${cwd}/.env is not a setting of Capstan; did you mean PORT?`,
      `SOMETHING_ELSE in ${cwd}/.env is not a setting of Capstan`,
    ])
  })

  test('is reported together with the setting that is missing because of it', () => {
    const env = { ENVIRONMENT: 'production', DATABSE_URL: 'x', CAPSTAN_ENV_FILE: '' }
    expect(() => processSettings(env, false)).toThrow(/DATABASE_URL: required.*did you mean DATABASE_URL\?/s)
  })
})

test('.env.example contains every setting', () => {
  const text = readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8')
  const offered = [...text.matchAll(/^#([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name)
  // Kubernetes sets it in every pod.
  expect(
    knownSettings.filter((name) => name !== 'KUBERNETES_SERVICE_HOST' && !offered.includes(name)),
  ).toEqual([])
})
