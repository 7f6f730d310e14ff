import type { Command } from 'commander'
import { type CommandDeps, jsonOption, outputOf, wholeNumber } from '../../cli/index.ts'
import type { DeleteFlags, RetryFlags } from './act.ts'
import { addEnvironmentOption, ifDeployedToBoth } from './environment-option.ts'
import type { LogsFlags } from './logs.ts'
import type { RollbackFlags } from './rollback.ts'

/** Adds `rollback APP`. */
export function registerRollbackCommand(program: Command, deps: CommandDeps): void {
  const rollback = program
    .command('rollback')
    .argument('<app>', 'name of the app')
    .description('roll an app back to its last good version; shows the version first')
  addEnvironmentOption(rollback, ifDeployedToBoth)
    .option('--to <id>', 'another version, or its deployment; capstan versions APP lists them')
    .option('--reason <text>', 'reason, stored with the deployment')
    .option('--yes', 'roll back without confirmation; required without a terminal')
    .addOption(jsonOption())
    .action(async (app: string, flags: RollbackFlags, command: Command) => {
      const { rollBackApp } = await import('./rollback.ts')
      deps.exitWith(await rollBackApp({ deps, out: outputOf(deps, command) }, app, flags))
    })
}

/** Adds `versions APP`. */
export function registerVersionsCommand(program: Command, deps: CommandDeps): void {
  const versions = program
    .command('versions')
    .argument('<app>', 'name of the app')
    .description('list the versions of an app, newest first, with the one that serves')
  addEnvironmentOption(versions, ifDeployedToBoth)
    .addOption(jsonOption())
    .action(async (app: string, flags: { environment?: string }, command: Command) => {
      const { listVersions } = await import('./apps.ts')
      const out = outputOf(deps, command)
      deps.exitWith(await listVersions(await deps.client(), { app, flags, out }))
    })
}

const logsHelp = `
The local cloud keeps the last 1,000 lines of each app in memory: they are lost when it restarts. Cloudflare keeps none;
for an app there, the command prints the wrangler command that shows new lines.`

/** Adds `logs APP`, which prints the log lines of an app and its uncaught exceptions. */
export function registerLogsCommand(program: Command, deps: CommandDeps): void {
  const logs = program.command('logs').argument('<app>', 'name of the app')
  addEnvironmentOption(logs, ifDeployedToBoth)
    .option('--limit <number>', 'maximum number of lines', wholeNumber(1, 1000), 200)
    .option('-f, --follow', 'print new lines until interrupted')
    .addOption(jsonOption())
    .description('show the last log lines and exceptions of an app on the local cloud')
    .addHelpText('after', logsHelp)
    .action(async (app: string, flags: LogsFlags, command: Command) => {
      const { showLogs } = await import('./logs.ts')
      await showLogs(await deps.client(), { app, flags, out: outputOf(deps, command) })
    })
}

/** Adds `deploy rollback`, `deploy retry`, `deploy cancel` and `deploy delete`. */
export function registerActCommands(deploy: Command, deps: CommandDeps): void {
  const consoleOf = (command: Command) => ({ deps, out: outputOf(deps, command) })
  deploy
    .command('rollback')
    .argument('<id>', 'the newest deployment of the app, to undo it; or an earlier good one, to return to it')
    .description('restore the version that served before; a running deployment is cancelled first')
    .option('--to <id>', 'another version, or its deployment; capstan versions APP lists them')
    .option('--reason <text>', 'reason, stored with the deployment')
    .option('--yes', 'roll back without confirmation; required without a terminal')
    .addOption(jsonOption())
    .action(async (id: string, flags: RollbackFlags, command: Command) => {
      const { rollBackDeployment } = await import('./rollback.ts')
      deps.exitWith(await rollBackDeployment(consoleOf(command), id, flags))
    })
  deploy
    .command('retry')
    .argument('<id>', 'a failed deployment')
    .description('run the failed step and the following ones again')
    .option('--step <name>', 'expected name of the failed step; anything else is refused')
    .option('--max-retries <number>', 'number of further attempts', wholeNumber(1, 10))
    .addOption(jsonOption())
    .action(async (id: string, flags: RetryFlags, command: Command) => {
      const { retry } = await import('./act.ts')
      deps.exitWith(await retry(consoleOf(command), id, flags))
    })
  deploy
    .command('cancel')
    .argument('<id>', 'a running deployment')
    .description('cancel a deployment and roll back its changes')
    .addOption(jsonOption())
    .action(async (id: string, _flags: unknown, command: Command) => {
      const { cancel } = await import('./act.ts')
      deps.exitWith(await cancel(consoleOf(command), id))
    })
  const deletion = deploy
    .command('delete')
    .argument('<app>', 'name of the app')
    .description('delete an app from an environment, including the data of its Durable Objects')
  addEnvironmentOption(deletion, 'required with --yes, and if the app is deployed to both')
    .option('--yes', 'delete without confirmation; required without a terminal')
    .addOption(jsonOption())
    .action(async (app: string, flags: DeleteFlags, command: Command) => {
      const { deleteApp } = await import('./act.ts')
      deps.exitWith(await deleteApp(consoleOf(command), app, flags))
    })
}
