import type { Command } from 'commander'

/**
 * The options of `capstan deploy` for the fields of a deployment. A fixed table, because other commands print texts about
 * deployments too (`rollback`, `logs`, `jobs show`), and only the area of the running command is loaded.
 */
export const deployOptions: Readonly<Record<string, string>> = {
  appName: '--app',
  environment: '--environment',
  durableObjects: '--do',
  environmentVars: '--var',
  secrets: '--secret',
  requiredSecrets: '--secret',
  deleteSecrets: '--delete-secret',
  workersDev: '--workers-dev',
  previewUrls: '--preview-urls',
  containerImage: '--image',
  'container.port': '--port',
  'container.class': '--container-class',
  'container.instanceType': '--instance-type',
  'container.maxInstances': '--max-instances',
  'container.pullSecret.username': '--pull-user',
  noMigrate: '--no-migrate',
  healthCheck: '--health-path',
  'healthCheck.path': '--health-path',
  'healthCheck.method': '--health-method',
  'healthCheck.expectStatus': '--health-status',
  'healthCheck.host': '--health-host',
  'healthCheck.enabled': '--no-health-check',
  'healthCheck.beforeTraffic': '--no-check-before-traffic',
  'healthCheck.timeoutSeconds': '--timeout',
  maxRetries: '--max-retries',
  rollbackOnFailure: '--no-rollback',
  dryRun: '--dry-run',
  force: '--force',
  traffic: '--traffic',
  'traffic.steps': '--traffic',
  'traffic.everySeconds': '--every',
}

/** The options of other commands for the fields of their requests. */
const otherOptions: Readonly<Record<string, string>> = { targetVersion: '--to', stepName: '--step' }

/** Requests of the API that a command makes; `$1` and `$2` are the parts of the path. */
const requests: [request: RegExp, command: string][] = [
  [/DELETE \/deploy\/apps\/([^/\s]+)\/([^/\s,;]+)/g, 'capstan deploy delete $1 --environment $2'],
  [/POST \/deploy\/apps\/([^/\s]+)\/([^/\s]+)\/rollback/g, 'capstan rollback $1 --environment $2'],
  [/GET \/deploy\/apps\/([^/\s]+)\/([^/\s]+)\/(versions|logs)/g, 'capstan $3 $1 --environment $2'],
  [/POST \/deploy\/([^/\s]+)\/(rollback|retry|cancel)/g, 'capstan deploy $2 $1'],
  [/GET \/deploy\/([^/\s]+)\/(?:status|logs)/g, 'capstan deploy watch $1'],
  [/POST \/deploy(?:\/prepare)?(?![/\w])/g, 'capstan deploy'],
  [/POST \/jobs\/([^/\s]+)\/(retry|cancel)/g, 'capstan jobs $2 $1'],
  [/GET \/jobs\/([^/\s,;]+)/g, 'capstan jobs show $1'],
]

/** Advice about the protocol that a command follows on its own, or words differently. */
const phrases: [words: RegExp, instead: string][] = [
  [/\bCorrect the fields named in details\.fields\b/g, 'Correct what is named above'],
  [/\bReport the correlationId to the operators\b/g, 'Report the correlation id to the operators'],
  [/\b(?:after|for) the time in Retry-After\b/g, 'later'],
  [/\bWait later\b/g, 'Try again later'],
  [
    /\bSign in (?:or send a token|again or send a valid token)\b/g,
    'Sign in with capstan login, or set CAPSTAN_TOKEN to a valid API token',
  ],
  [/\bdeploy that code again with --force\b/g, 'deploy that code again with capstan deploy DIR --force'],
  [/\ba targetVersion\b/g, 'another version with --to'],
  [/\btargetVersion\b/g, '--to'],
  [/\{id\}/g, 'ID'],
  [/\{app\}/g, 'APP'],
  [/\{environment\}/g, 'ENVIRONMENT'],
]

/**
 * Translates a text of the API into the command line's terms: `options.force: true` is `--force`,
 * `config.environmentVars.NAME` is `--var NAME`, `DELETE /deploy/apps/shop/staging` is `capstan deploy delete ...`.
 * @param command the running command, whose own options are preferred
 */
export function inCommandTerms(text: string, command?: Command): string {
  const field = /\b(?:options|config)\.([A-Za-z]+)((?:\.\w+)*)(?:: true\b|=true\b)?/g
  const words = text.replace(field, (found: string, name: string, rest: string) => {
    const known = (path: string) => optionFor(command, path) ?? entryOf(deployOptions, path)
    const whole = known(`${name}${rest}`)
    if (whole !== undefined) return whole
    const option = known(name)
    return option === undefined ? found : `${option}${rest.replaceAll('.', ' ')}`
  })
  return [...requests, ...phrases].reduce((said, [pattern, instead]) => said.replace(pattern, instead), words)
}

/** The option of the command for a field of the API, else of any command; undefined if there is none. */
export function optionFor(command: Command | undefined, field: string): string | undefined {
  if (command === undefined) return undefined
  let root = command
  while (root.parent !== null) root = root.parent
  const all = [command, ...everyCommand(root)].flatMap(({ options }) => options)
  const other = entryOf(deployOptions, field) ?? entryOf(otherOptions, field)
  const option = all.find((each) => each.long === other || each.attributeName() === field)
  return option?.long ?? undefined
}

const entryOf = (table: Readonly<Record<string, string>>, name: string) =>
  Object.hasOwn(table, name) ? table[name] : undefined

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)]
