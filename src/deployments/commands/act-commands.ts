import type { Command } from 'commander'
import { type CommandDeps, jsonOption, outputOf, wholeNumber } from '../../cli/index.ts'
import { environment } from '../model/schema.ts'
import type { DeleteFlags, RetryFlags } from './act.ts'
import { environmentAlias, environmentOption } from './environment-option.ts'
import type { RollbackFlags } from './rollback.ts'

/** Adds `rollback APP`. */
export function registerRollbackCommand(program: Command, deps: CommandDeps): void {
  program
    .command('rollback')
    .argument('<app>', 'name of the app')
    .description('roll an app back to its last good version; shows the version first')
    .addOption(environmentOption())
    .addOption(environmentAlias())
    .option('--to <id>', 'another version, or its deployment; capstan versions APP lists them')
    .option('--reason <text>', 'reason, stored with the deployment')
    .option('--yes', 'roll back without confirmation; required without a terminal')
    .addOption(jsonOption())
    .action(async (app: string, flags: RollbackFlags & { env?: string }, command: Command) => {
      const { rollBackApp } = await import('./rollback.ts')
      const where = flags.environment ?? flags.env
      const given = { ...flags, ...(where === undefined ? {} : { environment: where }) }
      deps.exitWith(await rollBackApp({ deps, out: outputOf(deps, command) }, app, given))
    })
}

/** Adds `versions APP`. */
export function registerVersionsCommand(program: Command, deps: CommandDeps): void {
  program
    .command('versions')
    .argument('<app>', 'name of the app')
    .description('list the versions of an app, newest first, with the one that serves')
    .addOption(environmentOption())
    .addOption(environmentAlias())
    .addOption(jsonOption())
    .action(async (app: string, flags: { environment?: string; env?: string }, command: Command) => {
      const { listVersions } = await import('./apps.ts')
      const where = flags.environment ?? flags.env
      const given = where === undefined ? {} : { environment: where }
      const about = { app, flags: given, out: outputOf(deps, command) }
      deps.exitWith(await listVersions(await deps.client(), about))
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
  deploy
    .command('delete')
    .argument('<app>', 'name of the app')
    .description('delete an app from an environment, including the data of its Durable Objects')
    .requiredOption('--env <environment>', environment.options.join(' or '))
    .option('--yes', 'delete without confirmation; required without a terminal')
    .addOption(jsonOption())
    .action(async (app: string, flags: DeleteFlags, command: Command) => {
      const { deleteApp } = await import('./act.ts')
      deps.exitWith(await deleteApp(consoleOf(command), app, flags))
    })
}
