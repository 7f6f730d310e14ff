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
  login: async (program, deps) =>
    (await import('./cli/contexts/commands.ts')).registerLoginCommand(program, deps),
  logout: async (program, deps) =>
    (await import('./cli/contexts/commands.ts')).registerLogoutCommand(program, deps),
  context: async (program, deps) =>
    (await import('./cli/contexts/commands.ts')).registerContextCommands(program, deps),
  status: async (program, deps) =>
    (await import('./cli/commands/status.ts')).registerStatusCommand(program, deps),
  open: async (program, deps) => (await import('./cli/commands/open.ts')).registerOpenCommand(program, deps),
  openapi: async (program, deps) =>
    (await import('./cli/commands/open.ts')).registerOpenApiCommand(program, deps),
  whoami: async (program, deps) =>
    (await import('./accounts/commands/own.ts')).registerWhoamiCommand(program, deps),
  password: async (program, deps) =>
    (await import('./accounts/commands/own.ts')).registerPasswordCommand(program, deps),
  tokens: async (program, deps) =>
    (await import('./accounts/commands/own.ts')).registerTokenCommands(program, deps),
  users: async (program, deps) =>
    (await import('./accounts/commands/users.ts')).registerUserCommands(program, deps),
  bridge: async (program, deps) =>
    (await import('./orchestrators/commands/bridge.ts')).registerBridgeCommands(program, deps),
  windows: async (program, deps) =>
    (await import('./orchestrators/commands/windows.ts')).registerWindowCommands(program, deps),
  tracker: async (program, deps) =>
    (await import('./release-tracker/commands/index.ts')).registerTrackerCommands(program, deps),
  badges: async (program, deps) =>
    (await import('./release-tracker/commands/badges.ts')).registerBadgeCommands(program, deps),
  credentials: async (program, deps) =>
    (await import('./deployments/commands/credential-commands.ts')).registerCredentialCommands(program, deps),
  completion: async (program, deps) =>
    (await import('./cli/completion/command.ts')).registerCompletionCommand(program, deps),
  jobs: async (program, deps) => (await import('./cli/commands/jobs.ts')).registerJobCommands(program, deps),
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
    const { registerNodeApiCommands } = await import('./orchestrators/commands/nodes.ts')
    const nodes = registerNodeCommands(program, {
      ...deps,
      withDb: async (work) =>
        (await onDatabase(deps))(({ db, config }) => work({ db, rpcPort: config.orchestrators.rpcPort })),
    })
    registerNodeApiCommands(nodes, deps)
  },
}

async function onDatabase(deps: CommandDeps) {
  const { withDatabase } = await import('./cli/database.ts')
  const { loadConfig } = await import('./config.ts')
  return (work: (database: CommandDatabase<Config>) => Promise<void>) =>
    withDatabase({ ...deps, loadConfig }, work)
}
