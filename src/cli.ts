import { processDeps } from './cli/process-deps.ts'
import { type Area, packageVersion, runCommandLine } from './cli/run.ts'
import type { Permission } from './platform/auth.ts'
import { endProcess } from './platform/process/process-end.ts'

const areas: Record<string, Area> = {
  deploy: async (program, deps) =>
    (await import('./deployments/index.ts')).registerDeploymentCommands(program, deps),
  rollback: async (program, deps) =>
    (await import('./deployments/index.ts')).registerRollbackCommand(program, deps),
  versions: async (program, deps) =>
    (await import('./deployments/index.ts')).registerVersionsCommand(program, deps),
  logs: async (program, deps) => (await import('./deployments/index.ts')).registerLogsCommand(program, deps),
  release: async (program, deps) =>
    (await import('./binary-releases/index.ts')).registerReleaseCommands(program, deps),
  jobs: async (program, deps) => (await import('./cli/jobs.ts')).registerJobCommands(program, deps),
  cloud: async (program, deps) =>
    (await import('./local-cloud/index.ts')).registerCloudCommands(program, deps),
  backup: async (program, deps) =>
    (await import('./cli/backup/index.ts')).registerBackupCommand(program, {
      ...deps,
      version: packageVersion(),
    }),
  restore: async (program, deps) =>
    (await import('./cli/backup/index.ts')).registerRestoreCommand(program, deps),
  async admin(program, deps) {
    const { registerAccountCommands } = await import('./accounts/index.ts')
    const { withDatabase } = await import('./cli/database.ts')
    const { loadConfig } = await import('./config.ts')
    registerAccountCommands(program, { withDb: (work) => withDatabase({ ...deps, loadConfig }, work) })
  },
  async nodes(program, deps) {
    const { registerNodeCommands } = await import('./orchestrators/index.ts')
    const { withDatabase } = await import('./cli/database.ts')
    const { loadConfig } = await import('./config.ts')
    registerNodeCommands(program, {
      ...deps,
      withDb: (work) =>
        withDatabase({ ...deps, loadConfig }, ({ db, config }) =>
          work({ db, rpcPort: config.orchestrators.rpcPort }),
        ),
    })
  },
}

/** What these commands need of the API, and no more. */
const scopes: Permission[] = [
  'releases:read',
  'releases:publish',
  'deployments:read',
  'deployments:write:staging',
  'deployments:write:production',
  'jobs:read',
  'jobs:write',
]

async function makeToken(databaseUrl: string): Promise<string | undefined> {
  const { createLocalToken } = await import('./accounts/index.ts')
  const { createDb } = await import('./platform/postgres/db.ts')
  const db = createDb({ url: databaseUrl, name: 'command', max: 1 })
  try {
    return await createLocalToken(db, { name: 'capstan command line', scopes })
  } finally {
    await db.destroy()
  }
}

async function ask(question: string, options?: { hidden: boolean }): Promise<string> {
  const { terminalPrompt } = await import('./cli/prompt.ts')
  return terminalPrompt({ input: process.stdin, output: process.stderr }).ask(question, options)
}

/** The settings of `.env`, where it is one of ours: any project may have a file of that name. */
async function prepare(): Promise<void> {
  const { addSettings, readEnvFile } = await import('./platform/config/env-file.ts')
  const { settingWarnings } = await import('./platform/config/process-settings.ts')
  const { knownSettings } = await import('./config.ts')
  const { chooseSettings } = await import('./platform/installation/index.ts')
  const options = { env: process.env, known: knownSettings }
  const file = readEnvFile(process.env, { choose: (found) => chooseSettings(found, options) })
  addSettings(process.env, file)
  for (const warning of settingWarnings(process.env, file, knownSettings))
    process.stderr.write(`warning: ${warning}\n`)
}

await runCommandLine(process.argv.slice(2), areas, { ...processDeps({ ask, makeToken }), prepare })
endProcess(Number(process.exitCode ?? 0))
