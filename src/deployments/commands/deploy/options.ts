import { type Command, Option } from 'commander'
import { eachOne, jsonOption, wholeNumber } from '../../../cli/index.ts'
import { instanceTypeNames } from '../../model/instance-types.ts'
import { addEnvironmentOption } from '../environment-option.ts'
import { duration, trafficSteps } from './flags.ts'
import { addWranglerOptions } from './wrangler-options.ts'

/** Adds the argument and options of `capstan deploy`. */
export function describeDeploy(deploy: Command): void {
  deploy.argument(
    '[path]',
    "the app's folder (default: the current one) or single module; settings may be in capstan.json of the folder",
  )
  addAppOptions(deploy)
  addContainerOptions(deploy)
  addWranglerOptions(deploy)
  addHealthOptions(deploy)
  deploy
    .option(
      '--traffic <shares>',
      'shares of traffic for the new version, one after the other: 10,50,100',
      trafficSteps,
    )
    .option('--every <time>', 'time between the shares, like 10m', duration)
    .option('--max-retries <number>', 'retries of a step after a transient failure', wholeNumber(0, 10))
    .option('--no-rollback', 'do not roll back if the deployment fails')
    .option('--dry-run', 'check the plan and change nothing')
    .option('--plan [format]', 'print the plan as text, json or markdown, and deploy nothing')
    .option('--replan', 'make and show a new plan if the app has changed meanwhile')
    .option('--force', 'deploy even if this content was rolled back before')
    .option('--summary <file>', 'append the plan and the outcome to a file, as Markdown')
    .option('--cancel-on-signal', 'cancel the deployment at Ctrl-C or SIGTERM (default: it goes on)')
    .option('--yes', 'deploy without confirmation; required without a terminal')
    .addOption(jsonOption())
}

function addAppOptions(deploy: Command): void {
  deploy.option(
    '--app <name>',
    "the app's name (default: the name of the wrangler configuration, or the folder's)",
  )
  addEnvironmentOption(deploy, 'default: staging')
    .option('--do <class>', 'a Durable Object class, for apps without wrangler; may be repeated', eachOne)
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
}

function addContainerOptions(deploy: Command): void {
  deploy
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
}

function addHealthOptions(deploy: Command): void {
  deploy
    .option('--health-path <path>', 'path of the health check (default: /)')
    .addOption(new Option('--health <path>', 'short form of --health-path'))
    .option('--health-method <method>', 'method of the health check (default: GET)')
    .option('--health-status <status>', 'expected status or range, like 200 or 200-499')
    .option('--health-host <host>', "host name of the health check (default: the app's first address)")
    .option('--no-health-check', 'deploy without a health check')
    .option('--no-check-before-traffic', 'check the new version only after it has the traffic')
    .option('--timeout <seconds>', 'time limit of the health check', wholeNumber(1, 900))
}
