import { type Command, Option } from 'commander'
import { type CommandDeps, jsonOption, outputOf, wholeNumber } from '../../cli/index.ts'
import { environment } from '../model/schema.ts'
import type { DeleteFlags, RetryFlags } from './act.ts'
import type { RollbackFlags } from './rollback.ts'

/** Adds `rollback APP`. */
export function registerRollbackCommand(program: Command, deps: CommandDeps): void {
  program
    .command('rollback')
    .argument('<app>', 'the app')
    .description('go back to the last good version of an app, which is named first')
    .addOption(environmentOption())
    .addOption(environmentAlias())
    .option('--to <id>', 'another version, or the deployment that made it; capstan versions APP lists them')
    .option('--reason <text>', 'kept with the deployment')
    .option('--yes', "roll back without asking; needed where there's no terminal")
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
    .argument('<app>', 'the app')
    .description('the versions of an app, newest first, and which one serves')
    .addOption(environmentOption())
    .addOption(environmentAlias())
    .addOption(jsonOption())
    .action(async (app: string, flags: { environment?: string; env?: string }, command: Command) => {
      const { listVersions } = await import('./apps.ts')
      const where = flags.environment ?? flags.env
      const given = where === undefined ? {} : { environment: where }
      await listVersions(await deps.client(), { app, flags: given, out: outputOf(deps, command) })
    })
}

const environmentOption = () =>
  new Option(
    '--environment <environment>',
    `${environment.options.join(' or ')}; needed where the app is deployed to both`,
  )
/** As `capstan deploy` calls it. */
const environmentAlias = () => new Option('--env <environment>').hideHelp()

/** Adds `deploy rollback`, `deploy retry`, `deploy cancel` and `deploy delete`. */
export function registerActCommands(deploy: Command, deps: CommandDeps): void {
  const consoleOf = (command: Command) => ({ deps, out: outputOf(deps, command) })
  deploy
    .command('rollback')
    .argument('<id>', 'the newest deployment of its app: it is undone; or an earlier good one, to go back to')
    .description('put back what served before; one that runs is cancelled first')
    .option('--to <id>', 'another version, or the deployment that made it; capstan versions APP lists them')
    .option('--reason <text>', 'kept with the deployment')
    .option('--yes', "roll back without asking; needed where there's no terminal")
    .addOption(jsonOption())
    .action(async (id: string, flags: RollbackFlags, command: Command) => {
      const { rollBackDeployment } = await import('./rollback.ts')
      deps.exitWith(await rollBackDeployment(consoleOf(command), id, flags))
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
