import type { CommandDatabase } from './cli/database.ts'
import type { CommandDeps } from './cli/index.ts'
import { type Area, packageVersion } from './cli/run.ts'
import type { Config } from './config.ts'

/**
 * All commands by their first word. The code of a command is loaded when the command is used, from the domain's file of
 * commands: its index would load the services, too.
 */
export const areas: Record<string, Area> = {
  deploy: async (program, deps) =>
    (await import('./deployments/commands/index.ts')).registerDeploymentCommands(program, deps),
  init: async (program, deps) =>
    (await import('./deployments/commands/init/command.ts')).registerInitCommand(program, deps),
  rollback: async (program, deps) =>
    (await import('./deployments/commands/act-commands.ts')).registerRollbackCommand(program, deps),
  versions: async (program, deps) =>
    (await import('./deployments/commands/act-commands.ts')).registerVersionsCommand(program, deps),
  logs: async (program, deps) =>
    (await import('./deployments/commands/act-commands.ts')).registerLogsCommand(program, deps),
  release: async (program, deps) =>
    (await import('./binary-releases/commands.ts')).registerReleaseCommands(program, deps),
  jobs: async (program, deps) => (await import('./cli/jobs.ts')).registerJobCommands(program, deps),
  cloud: async (program, deps) =>
    (await import('./local-cloud/commands.ts')).registerCloudCommands(program, deps),
  backup: async (program, deps) =>
    (await import('./cli/backup/index.ts')).registerBackupCommand(program, {
      ...deps,
      version: packageVersion(),
    }),
  restore: async (program, deps) =>
    (await import('./cli/backup/index.ts')).registerRestoreCommand(program, deps),
  async admin(program, deps) {
    const { registerAccountCommands } = await import('./accounts/commands.ts')
    registerAccountCommands(program, { withDb: async (work) => (await onDatabase(deps))(work) })
  },
  async nodes(program, deps) {
    const { registerNodeCommands } = await import('./orchestrators/commands.ts')
    registerNodeCommands(program, {
      ...deps,
      withDb: async (work) =>
        (await onDatabase(deps))(({ db, config }) => work({ db, rpcPort: config.orchestrators.rpcPort })),
    })
  },
}

async function onDatabase(deps: CommandDeps) {
  const { withDatabase } = await import('./cli/database.ts')
  const { loadConfig } = await import('./config.ts')
  return (work: (database: CommandDatabase<Config>) => Promise<void>) =>
    withDatabase({ ...deps, loadConfig }, work)
}
