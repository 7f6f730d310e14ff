import { Command } from 'commander'
import { expect, test } from 'vitest'
import { findAccess } from '../../src/cli/api/access.ts'
import { createApiClient } from '../../src/cli/api/client.ts'
import type { CommandDeps } from '../../src/cli/index.ts'
import { runCommandLine } from '../../src/cli/run.ts'
import { inCommandTerms } from '../../src/cli/terms.ts'
import { areas } from '../../src/commands.ts'
import { json, refusal, startFakeApi } from './fake-api.ts'
import { folderWith } from './folder.ts'

const key = 'abcdefghijklmnopqrstuvwxyz0123456789'
const noDatabase = { DATABASE_URL: 'postgresql://u:p@127.0.0.1:1/x', SECRET_KEY: key }
const noApi = { CAPSTAN_URL: 'http://127.0.0.1:1', CAPSTAN_TOKEN: 'x' }

/** Runs a command of the real list of commands, with all its output in `said`. */
async function run(args: string[], env: NodeJS.ProcessEnv, answer?: string) {
  const ran = { code: 0, said: '' }
  const write = (text: string) => (ran.said += text)
  const deps: CommandDeps = {
    env,
    shellEnv: env,
    stdout: { write },
    stderr: { write },
    prompt: {
      interactive: answer !== undefined,
      ask: async () => answer ?? '',
      firstLine: async () => 'a-good-password-1',
    },
    client: async () => createApiClient(await findAccess(env, async () => 'x')),
    exitWith: (code) => {
      ran.code = code
    },
  }
  await runCommandLine(args, areas, deps)
  return ran
}

const account = ['-u', 'ops', '-e', 'ops@example.org', '-p', 'a-long-password']

/** Arguments with which each command reaches the API or the database; a new command has to be added here. */
const callingApi: Record<string, (folder: string) => string[]> = {
  deploy: (folder) => [folder, '--yes'],
  'deploy watch': () => ['id'],
  'deploy list': () => [],
  'deploy rollback': () => ['id', '--yes'],
  'deploy retry': () => ['id'],
  'deploy cancel': () => ['id'],
  'deploy delete': () => ['shop', '--env', 'staging', '--yes'],
  rollback: () => ['shop', '--yes'],
  versions: () => ['shop'],
  logs: () => ['shop'],
  'release publish': (folder) => [folder, '--version', '1.0.0'],
  'release promote': () => ['1.0.0'],
  'release yank': () => ['1.0.0', '--reason', 'broken'],
  'release list': () => [],
  'release verify': (folder) => [`${folder}/shop-v1.0.0-linux-amd64.tar.gz`],
  'release latest': () => [],
  'release show': () => ['1.0.0'],
  'release updates': () => ['1.0.0', 'linux-amd64'],
  'release keys': () => [],
  'release signature': () => ['1.0.0'],
  'release downloads': () => ['1.0.0'],
  'release link': () => ['1.0.0', 'linux-amd64'],
  'release draft': () => ['1.0.0'],
  'release discard': () => ['1.0.0'],
  'jobs list': () => [],
  'jobs show': () => ['id'],
  'jobs watch': () => ['id'],
  'jobs retry': () => ['id'],
  'jobs cancel': () => ['id'],
  'deploy show': () => ['id'],
  'deploy log': () => ['id'],
  'deploy apps': () => [],
  'deploy metrics': () => [],
  'deploy health': () => [],
  'credentials show': () => ['staging'],
  'credentials set': () => ['staging', '--account', 'a'],
  'credentials remove': () => ['staging', '--yes'],
  'credentials check': () => ['staging', '--account', 'a'],
  'credentials verify': () => [],
  'credentials github-token': () => ['1', '--permission', 'contents=read'],
  login: () => ['--username', 'ops'],
  status: () => [],
  open: () => ['shop'],
  openapi: () => [],
  whoami: () => [],
  password: () => [],
  'tokens list': () => [],
  'tokens create': () => ['ci'],
  'tokens revoke': () => ['id'],
  'users list': () => [],
  'users show': () => ['ops'],
  'users add': () => ['ops', '--email', 'ops@example.org'],
  'users edit': () => ['ops', '--admin'],
  'users remove': () => ['ops'],
  'users tokens': () => ['ops'],
  'users revoke-token': () => ['ops', 'id'],
  'nodes list': () => [],
  'nodes show': () => ['7'],
  'nodes history': () => ['7'],
  'nodes add': () => ['Anvil', '192.0.2.1'],
  'nodes edit': () => ['7', '--port', '1'],
  'nodes remove': () => ['7'],
  'bridge status': () => [],
  'bridge watch': () => [],
  'bridge statistics': () => [],
  'bridge networks': () => [],
  'bridge uptime': () => [],
  'windows list': () => [],
  'windows add': () => ['--to', '+1h', '--reason', 'update'],
  'windows remove': () => ['id'],
  'tracker environments': () => [],
  'tracker config': () => [],
  'tracker current': () => [],
  'tracker history': () => ['acme', 'prod', 'default', 'web', 'nginx'],
  'tracker search': () => ['--tag', '1.0.0'],
  'tracker compare': () => ['acme/prod', 'acme/test'],
  'tracker watch': () => [],
  'tracker collect': () => [],
  'tracker record': () => ['default', 'Deployment', 'web', 'nginx', '--tag', '1.0.0', '--digest', 'sha256:a'],
  'badges list': () => [],
  'badges create': () => ['acme'],
  'badges revoke': () => ['7'],
  'badges show': () => ['acme', 'prod', 'Deployment', 'web', 'nginx'],
}
const usingDatabase: Record<string, string[]> = {
  'admin create': account,
  'admin reset-password': ['-u', 'ops', '-p', 'a-long-password'],
  'nodes import': ['--from-env'],
  'nodes rebuild': [],
}
const usingFiles: Record<string, string[]> = {
  cloud: [],
  backup: ['saved.tgz'],
  restore: ['absent.tgz'],
  init: ['/dev/null'],
  logout: ['absent'],
  'context use': ['absent'],
  'context remove': ['absent'],
  completion: ['tcsh'],
}
/** Commands that nothing can prevent. */
const alwaysDone = ['context list', 'context show']

/** The words of all commands that have an action. */
async function allCommands(): Promise<string[]> {
  const program = new Command()
  const write = () => undefined
  const unused: CommandDeps = {
    env: {},
    shellEnv: {},
    stdout: { write },
    stderr: { write },
    prompt: { interactive: false, ask: async () => '', firstLine: async () => '' },
    client: () => Promise.reject(new Error('no command runs here')),
    exitWith: write,
  }
  for (const area of Object.values(areas)) await area(program, unused)
  const words = (command: Command, before: string[]): string[] => {
    const own = [...before, command.name()]
    const below = command.commands.flatMap((each) => words(each, own))
    return command.commands.length === 0 || command.name() === 'deploy' ? [own.join(' '), ...below] : below
  }
  return program.commands.flatMap((each) => words(each, []))
}

const files = () => folderWith({ 'index.js': 'export default {}', 'shop-v1.0.0-linux-amd64.tar.gz': 'x' })

test('every command is listed in this test', async () => {
  const known = [...[callingApi, usingDatabase, usingFiles].flatMap(Object.keys), ...alwaysDone]
  expect((await allCommands()).toSorted()).toEqual(known.toSorted())
})

test('every command ends with 2 for an unknown option, and with 0 for --help', async () => {
  for (const words of await allCommands()) {
    const unknown = await run([...words.split(' '), '--nonsense'], {})
    expect([words, unknown.code]).toEqual([words, 2])
    expect((await run([...words.split(' '), '--help'], {})).code).toBe(0)
  }
})

test.each([
  [409, 2],
  [404, 2],
  [500, 1],
])('every command that calls the API ends after HTTP %i with %i', async (status, expected) => {
  const api = await startFakeApi((_asked, res) => json(res, status, refusal('STATE_001', 'No')))
  const env = { CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'x', CAPSTAN_PASSWORD: 'a-good-password-1' }
  const folder = files()
  for (const [words, args] of Object.entries(callingApi)) {
    const { code, said } = await run([...words.split(' '), ...args(folder)], env)
    expect([words, code]).toEqual([words, expected])
    expect(said).toContain('error: No [STATE_001]')
  }
})

test('every command ends with 3 if the service or the database does not answer', async () => {
  const unhealthy = await startFakeApi((_asked, res) => json(res, 503, refusal('SYS_002', 'No database')))
  const folder = files()
  const calls = Object.entries(callingApi).filter(([words]) => !waiting.includes(words))
  for (const [words, args] of calls)
    for (const url of [noApi.CAPSTAN_URL, unhealthy.url]) {
      const env = { CAPSTAN_URL: url, CAPSTAN_TOKEN: 'x', CAPSTAN_PASSWORD: 'a-good-password-1' }
      expect([words, (await run([...words.split(' '), ...args(folder)], env)).code]).toEqual([words, 3])
    }
  const node = { ORCHESTRATOR_IP_1: '192.0.2.1', ORCHESTRATOR_NAME_1: 'A' }
  for (const [words, args] of Object.entries(usingDatabase)) {
    const { code } = await run([...words.split(' '), ...args], { ...noDatabase, ...node })
    expect([words, code]).toEqual([words, 3])
  }
})

/** The commands that repeat their first call for a minute. */
const waiting = ['deploy watch', 'release publish', 'jobs watch', 'bridge watch', 'tracker watch']

test('commands on files end with 2 without an installation or file', async () => {
  // Without a state folder of its own, a command would find a service that runs on this machine.
  const folder = files()
  const env = { DATA_DIR: `${folder}/none`, XDG_STATE_HOME: `${folder}/state` }
  for (const [words, args] of Object.entries(usingFiles))
    expect([words, (await run([...words.split(' '), ...args], env)).code]).toEqual([words, 2])
})

test('messages of the API are translated into the terms of commands', () => {
  const cases = {
    'to be rid of the app, DELETE /deploy/apps/shop/staging':
      'to be rid of the app, capstan deploy delete shop --environment staging',
    'No single version served before: name a targetVersion':
      'No single version served before: name another version with --to',
    'A rollback belongs to its deployment: POST /deploy/{id}/rollback':
      'A rollback belongs to its deployment: capstan deploy rollback ID',
    'Correct the fields named in details.fields': 'Correct what is named above',
    'Try again after the time in Retry-After': 'Try again later',
    'an app called deploy': 'an app called deploy',
  }
  for (const [said, expected] of Object.entries(cases)) expect(inCommandTerms(said)).toBe(expected)
})
