import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { createApiClient } from './platform/api-client.ts'
import type { Permission } from './platform/auth.ts'
import { type CommandDeps, explain } from './platform/command-line/index.ts'

const { env, stdin, stdout, stderr } = process

/** What the commands below need of the API, and no more. */
const scopes: Permission[] = [
  'deployments:read',
  'deployments:write:staging',
  'deployments:write:production',
  'jobs:read',
  'jobs:write',
]

/** Each area's code is loaded only when it is asked for, or when the list of all commands is. */
const areas: Record<string, (program: Command, deps: CommandDeps) => Promise<void>> = {
  async deploy(program, deps) {
    const { registerDeploymentCommands } = await import('./deployments/index.ts')
    registerDeploymentCommands(program, deps)
  },
  async jobs(program, deps) {
    const { registerJobCommands } = await import('./platform/jobs/index.ts')
    registerJobCommands(program, deps)
  },
  async cloud(program, deps) {
    const { registerCloudCommands } = await import('./local-cloud/index.ts')
    registerCloudCommands(program, deps)
  },
  async admin(program) {
    const { registerAccountCommands } = await import('./accounts/index.ts')
    const { withDatabase } = await import('./platform/command-line/database.ts')
    registerAccountCommands(program, { withDb: (work) => withDatabase(env, work) })
  },
}

const deps: CommandDeps = {
  env,
  stdout,
  stderr,
  prompt: {
    interactive: stdin.isTTY === true,
    async ask(question, options) {
      const { terminalPrompt } = await import('./accounts/index.ts')
      return terminalPrompt({ input: stdin, output: stderr }).ask(question, options)
    },
  },
  async client() {
    const { findAccess } = await import('./platform/command-line/access.ts')
    return createApiClient(await findAccess(env, makeToken))
  },
  exitWith(code) {
    process.exitCode = code
  },
}

async function makeToken(databaseUrl: string): Promise<string | undefined> {
  const { createLocalToken } = await import('./accounts/index.ts')
  const { createDb } = await import('./platform/db.ts')
  const db = createDb({ url: databaseUrl, name: 'command', max: 1 })
  try {
    return await createLocalToken(db, { name: 'capstan command line', scopes })
  } finally {
    await db.destroy()
  }
}

async function main(argv: string[]): Promise<void> {
  const version = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
  const program = new Command('capstan').description('Capstan, a release operations service')
  // Commander's own way to end would skip what has to be closed.
  program.version(version).exitOverride()
  const [word = ''] = argv
  const isVersion = word === '-V' || word === '--version'
  const wanted = isVersion ? [] : Object.hasOwn(areas, word) ? [word] : Object.keys(areas)
  for (const area of wanted) await areas[area]?.(program, deps)
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    const { lines, json, exitCode } = explain(error)
    for (const line of lines) stderr.write(`${line}\n`)
    if (exitCode !== 0 && argv.includes('--json')) stdout.write(`${JSON.stringify(json, null, 2)}\n`)
    process.exitCode = exitCode
  }
}

await main(process.argv.slice(2))
