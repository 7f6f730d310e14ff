import type { Command } from 'commander'
import { type CommandDeps, jsonOption, outputOf, wholeNumber } from '../../platform/command-line/index.ts'
import { environment } from '../schema.ts'
import type { DeleteFlags, RetryFlags, RollbackFlags } from './act.ts'

/** Adds `deploy rollback`, `deploy retry`, `deploy cancel` and `deploy delete`. */
export function registerActCommands(deploy: Command, deps: CommandDeps): void {
  const consoleOf = (command: Command) => ({ deps, out: outputOf(deps, command) })
  deploy
    .command('rollback')
    .argument('<id>', 'the newest deployment of its app and environment')
    .description('put back what served before; one that runs is cancelled first')
    .option('--to <version>', "another version, see the app's versions")
    .option('--reason <text>', 'kept with the deployment')
    .addOption(jsonOption())
    .action(async (id: string, flags: RollbackFlags, command: Command) => {
      const { rollBack } = await import('./act.ts')
      deps.exitWith(await rollBack(consoleOf(command), id, flags))
    })
  deploy
    .command('retry')
    .argument('<id>', 'a failed deployment')
    .description('run the step that failed again, and those after it')
    .option('--step <name>', 'to be sure: its key or title')
    .option('--max-retries <number>', 'how often', wholeNumber(1, 10))
    .addOption(jsonOption())
    .action(async (id: string, flags: RetryFlags, command: Command) => {
      const { retry } = await import('./act.ts')
      deps.exitWith(await retry(consoleOf(command), id, flags))
    })
  deploy
    .command('cancel')
    .argument('<id>', 'a deployment that runs')
    .description('end a deployment; what it has changed is rolled back')
    .addOption(jsonOption())
    .action(async (id: string, _flags: unknown, command: Command) => {
      const { cancel } = await import('./act.ts')
      deps.exitWith(await cancel(consoleOf(command), id))
    })
  deploy
    .command('delete')
    .argument('<app>', 'the app')
    .description('delete an app from an environment, with the data of its Durable Objects')
    .requiredOption('--env <environment>', environment.options.join(' or '))
    .option('--yes', "delete without asking; needed where there's no terminal")
    .addOption(jsonOption())
    .action(async (app: string, flags: DeleteFlags, command: Command) => {
      const { deleteApp } = await import('./act.ts')
      deps.exitWith(await deleteApp(consoleOf(command), app, flags))
    })
}
