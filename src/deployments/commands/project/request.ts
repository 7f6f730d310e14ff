import type { z } from 'zod'
import { type CommandDeps, UsageFault } from '../../../cli/index.ts'
import type { Environment } from '../../config.ts'
import { appName, environment, type prepareBody } from '../../model/schema.ts'
import { type DeployFlags, secretNamesOf, variablesOf } from '../deploy/flags.ts'
import { containerOf } from './container-flags.ts'
import { isCredential } from './credentials.ts'
import { healthCheckOf } from './health-flags.ts'
import type { ProjectFile } from './project-file.ts'
import type { Source } from './source.ts'

/** The body of `POST /deploy/prepare`. */
export type PrepareRequest = z.input<typeof prepareBody>

/**
 * The body of `POST /deploy/prepare`. Options take precedence over capstan.json: single values and variables of the
 * same name replace those of the file, classes and secrets are added to them.
 * @throws UsageFault for faults that the command can detect; the API checks the rest
 */
export async function prepareRequest(
  given: { flags: DeployFlags; file: ProjectFile; source: Source },
  secretsFrom: Pick<CommandDeps, 'shellEnv' | 'prompt'>,
): Promise<PrepareRequest> {
  const { flags, file, source } = given
  return {
    environment: environmentOf(flags, file),
    config: {
      appName: nameOf(flags.app ?? file.app ?? source.name, flags.app ?? file.app),
      ...(source.modules.length === 0 ? {} : { modules: source.modules }),
      ...(await containerOf({ flags, file }, secretsFrom)),
      durableObjects: [...new Set([...file.durableObjects, ...(flags.do ?? [])])],
      environmentVars: { ...file.environmentVars, ...variablesOf(flags) },
      healthCheck: healthCheckOf(flags, file),
      secrets: await readSecrets(namesOfSecrets(flags, file), secretsFrom),
      ...(flags.deleteSecret === undefined ? {} : { deleteSecrets: flags.deleteSecret }),
      ...publicationOf(flags, file),
      migrations: file.migrations,
    },
  }
}

/** The settings of the public addresses; omitted ones stay unchanged. */
export function publicationOf(flags: DeployFlags, file: ProjectFile) {
  const workersDev = flags.workersDev ?? file.workersDev
  const previewUrls = flags.previewUrls ?? file.previewUrls
  return {
    ...(workersDev === undefined ? {} : { workersDev }),
    ...(previewUrls === undefined ? {} : { previewUrls }),
  }
}

/** The environment to deploy to, staging by default. @throws UsageFault for an unknown one */
export function environmentOf(flags: DeployFlags, file: ProjectFile): Environment {
  const parsed = environment.safeParse(flags.environment ?? file.env ?? 'staging')
  if (parsed.success) return parsed.data
  throw new UsageFault(`--environment has to be ${environment.options.join(' or ')}`)
}

function nameOf(name: string, chosen: string | undefined): string {
  const parsed = appName.safeParse(name)
  if (parsed.success) return parsed.data
  const why = parsed.error.issues[0]?.message ?? 'not valid'
  const advice = chosen === undefined ? '; choose another with --app' : ''
  throw new UsageFault(`"${name}" can't be an app's name: ${why}${advice}`)
}

/**
 * The names of the secrets to deploy. A branch of somebody else may change capstan.json, so that it cannot name a credential of
 * this machine, whose value would reach the code of that branch; `--secret NAME` can.
 * @throws UsageFault for credentials that only capstan.json names
 */
export function namesOfSecrets(flags: DeployFlags, file: ProjectFile): string[] {
  const given = secretNamesOf(flags)
  const refused = file.secrets.filter((name) => isCredential(name) && !given.includes(name))
  if (refused.length === 0) return [...new Set([...file.secrets, ...given])]
  const advice = refused.map((name) => `--secret ${name}`).join(' ')
  throw new UsageFault(
    `"secrets" in capstan.json can't take credentials of this machine (${refused.join(', ')}): to deploy their values, add ${advice}`,
  )
}

/** The values of secrets, from the environment or the prompt. @throws UsageFault with the missing ones, without a terminal */
export async function readSecrets(
  names: string[],
  { shellEnv, prompt }: Pick<CommandDeps, 'shellEnv' | 'prompt'>,
): Promise<Record<string, string>> {
  const missing = names.filter((name) => shellEnv[name] === undefined)
  if (missing.length > 0 && !prompt.interactive) {
    throw new UsageFault(
      `No value for ${missing.join(', ')}: set the environment variable, as there's no terminal to ask on`,
    )
  }
  const values: Record<string, string> = {}
  for (const name of names) values[name] = shellEnv[name] ?? (await prompt.ask(`${name}: `, { hidden: true }))
  return values
}
