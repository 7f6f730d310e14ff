import type { Command } from 'commander'
import { type CommandDeps, eachOne, jsonOption, outputOf, wholeNumber } from '../../cli/index.ts'
import { instanceTypeNames } from '../model/instance-types.ts'
import { statuses } from '../model/states.ts'
import { registerActCommands } from './act-commands.ts'
import { addEnvironmentOption } from './environment-option.ts'
import type { DeployFlags } from './flags.ts'
import type { ListFlags } from './list.ts'

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
    const { deployPath } = await import('./deploy.ts')
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
}

function describeDeploy(deploy: Command): void {
  deploy.argument(
    '[path]',
    "the app's folder or single module; settings may be in capstan.json of the folder. Optional with --image",
  )
  deploy.option('--app <name>', "the app's name (default: the folder's)")
  addEnvironmentOption(deploy, 'default: staging')
    .option('--do <class>', 'a Durable Object class; may be repeated', eachOne)
    .option('--var <name=value>', 'a variable; may be repeated', eachOne)
    .option(
      '--secret <name>',
      'a secret; its value is read from the environment or prompted for; may be repeated',
      eachOne,
    )
    .option('--delete-secret <name>', 'delete a secret of the app; may be repeated', eachOne)
    .option('--workers-dev', 'enable the workers.dev address (default: unchanged; enabled for a new app)')
    .option('--no-workers-dev', 'disable the workers.dev address')
    .option('--preview-urls', 'enable the preview URLs of versions (default: unchanged)')
    .option('--no-preview-urls', 'disable the preview URLs of versions')
    .option('--image <reference>', 'image of the container')
    .option('--container-class <class>', 'the Durable Object class that the container belongs to')
    .option('--port <number>', 'port the container listens on (default: 8080)', wholeNumber(1, 65_535))
    .option('--instance-type <type>', `${instanceTypeNames.join(', ')} (default: lite)`)
    .option(
      '--max-instances <number>',
      'maximum number of container instances (default: 1)',
      wholeNumber(1, 1000),
    )
    .option(
      '--pull-user <name>',
      'user name for the registry; the password is prompted for, or read from CAPSTAN_PULL_PASSWORD',
    )
    .option('--health <path>', 'path of the health check')
    .option('--timeout <seconds>', 'time limit of the health check', wholeNumber(1, 900))
    .option('--max-retries <number>', 'retries of a step after a transient failure', wholeNumber(0, 10))
    .option('--no-rollback', 'do not roll back if the deployment fails')
    .option('--dry-run', 'check the plan and change nothing')
    .option('--force', 'deploy even if this content was rolled back before')
    .option('--yes', 'deploy without confirmation; required without a terminal')
    .addOption(jsonOption())
}
