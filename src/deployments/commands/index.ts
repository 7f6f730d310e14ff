import type { Command } from 'commander'
import { type CommandDeps, eachOne, jsonOption, outputOf, wholeNumber } from '../../cli/index.ts'
import { instanceTypeNames } from '../model/instance-types.ts'
import { environment } from '../model/schema.ts'
import { statuses } from '../model/states.ts'
import { registerActCommands } from './act-commands.ts'
import type { DeployFlags } from './flags.ts'
import type { ListFlags } from './list.ts'

/** Adds `deploy DIR|FILE`, `deploy watch`, `deploy list`, and what acts on a deployment. */
export function registerDeploymentCommands(program: Command, deps: CommandDeps): void {
  // Otherwise `--json` or `--env` of a subcommand would be taken for the option of that name of `deploy` itself.
  program.enablePositionalOptions()
  const deploy = program
    .command('deploy')
    .helpCommand(false)
    .description('deploy an app, and follow its steps')
    .addHelpText('after', '\nA folder that is named like a command is given as ./NAME.')
  describeDeploy(deploy)
  deploy.action(async (path: string | undefined, flags: DeployFlags, command: Command) => {
    const { deployPath } = await import('./deploy.ts')
    deps.exitWith(await deployPath({ deps, out: outputOf(deps, command) }, path, flags))
  })

  deploy
    .command('watch')
    .argument('<id>', 'the deployment')
    .addOption(jsonOption())
    .description('follow a deployment from its beginning to its end')
    .action(async (id: string, _flags: unknown, command: Command) => {
      const { followToEnd } = await import('./output/follow.ts')
      deps.exitWith(await followToEnd(await deps.client(), id, { out: outputOf(deps, command) }))
    })

  deploy
    .command('list')
    .description('the latest deployments, newest first')
    .option('--app <name>', 'of one app')
    .option('--env <environment>', environment.options.join(' or '))
    .option('--status <status>', statuses.join(', '))
    .option('--limit <number>', 'at most so many', wholeNumber(1, 200), 20)
    .addOption(jsonOption())
    .action(async (flags: ListFlags, command: Command) => {
      const { listDeployments } = await import('./list.ts')
      await listDeployments(await deps.client(), flags, outputOf(deps, command))
    })

  registerActCommands(deploy, deps)
}

function describeDeploy(deploy: Command): void {
  deploy
    .argument(
      '[path]',
      "the app's folder, or its one module; capstan.json in the folder may say the rest. With --image there may be none",
    )
    .option('--app <name>', "the app's name (default: the folder's)")
    .option('--env <environment>', `${environment.options.join(' or ')} (default: staging)`)
    .option('--do <class>', 'a Durable Object class, may be repeated', eachOne)
    .option('--var <name=value>', 'a variable, may be repeated', eachOne)
    .option(
      '--secret <name>',
      'a secret, read from the environment or asked for; may be repeated',
      eachOne,
      [],
    )
    .option('--delete-secret <name>', 'delete a secret of the app, may be repeated', eachOne)
    .option('--workers-dev', 'enable the workers.dev address (default: as it is; enabled for a new app)')
    .option('--no-workers-dev', 'disable the workers.dev address')
    .option('--preview-urls', 'enable the preview URLs of versions (default: as they are)')
    .option('--no-preview-urls', 'disable the preview URLs of versions')
    .option('--image <reference>', 'the image of its container')
    .option('--container-class <class>', 'the Durable Object class that the container belongs to')
    .option('--port <number>', 'where the container listens (default: 8080)', wholeNumber(1, 65_535))
    .option('--instance-type <type>', `${instanceTypeNames.join(', ')} (default: lite)`)
    .option('--max-instances <number>', 'of the container (default: 1)', wholeNumber(1, 1000))
    .option('--pull-user <name>', 'who pulls the image; the password is asked for, or CAPSTAN_PULL_PASSWORD')
    .option('--health <path>', 'where the health check asks')
    .option('--timeout <seconds>', 'how long the health check may take', wholeNumber(1, 900))
    .option('--max-retries <number>', 'of a step that fails for a passing reason', wholeNumber(0, 10))
    .option('--no-rollback', 'leave a deployment that fails as it is')
    .option('--dry-run', 'check only, and change nothing')
    .option('--force', 'also what was rolled back before')
    .option('--yes', "deploy without asking; needed where there's no terminal")
    .addOption(jsonOption())
}
