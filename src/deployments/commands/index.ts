import type { Command } from 'commander'
import { type CommandDeps, jsonOption, outputOf, wholeNumber } from '../../cli/index.ts'
import { statuses } from '../model/states.ts'
import { registerActCommands } from './act-commands.ts'
import type { DeployFlags } from './deploy/flags.ts'
import { describeDeploy } from './deploy/options.ts'
import { addEnvironmentOption } from './environment-option.ts'
import type { ListFlags } from './list.ts'
import { registerShowCommands } from './show-commands.ts'

/** Adds `deploy DIR|FILE`, `deploy watch`, `deploy list`, and the commands that act on a deployment. */
export function registerDeploymentCommands(program: Command, deps: CommandDeps): void {
  // Otherwise `--json` or `--env` of a subcommand would be taken for the option of that name of `deploy` itself.
  program.enablePositionalOptions()
  const deploy = program
    .command('deploy')
    .helpCommand(false)
    .description('deploy an app and follow its steps')
    .addHelpText('after', '\nWrite ./NAME for a folder that has the name of a command.')
  describeDeploy(deploy)
  deploy.action(async (path: string | undefined, flags: DeployFlags, command: Command) => {
    const { deployPath } = await import('./deploy/deploy.ts')
    deps.exitWith(await deployPath({ deps, out: outputOf(deps, command) }, path, flags))
  })

  deploy
    .command('watch')
    .argument('<id>', 'id of the deployment')
    .addOption(jsonOption())
    .description('show the log of a deployment from its start to its end')
    .action(async (id: string, _flags: unknown, command: Command) => {
      const { followToEnd } = await import('./output/follow.ts')
      deps.exitWith(await followToEnd(await deps.client(), id, { out: outputOf(deps, command) }))
    })

  const list = deploy
    .command('list')
    .description('list the latest deployments, newest first')
    .option('--app <name>', 'only deployments of this app')
  addEnvironmentOption(list)
    .option('--status <status>', statuses.join(', '))
    .option('--limit <number>', 'maximum number of deployments', wholeNumber(1, 200), 20)
    .addOption(jsonOption())
    .action(async (flags: ListFlags, command: Command) => {
      const { listDeployments } = await import('./list.ts')
      await listDeployments(await deps.client(), flags, outputOf(deps, command))
    })

  registerActCommands(deploy, deps)
  registerShowCommands(deploy, deps)
}
