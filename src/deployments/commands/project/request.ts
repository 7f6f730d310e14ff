import { type CommandDeps, UsageFault } from '../../../cli/index.ts'
import { appName, environment } from '../../model/schema.ts'
import { type DeployFlags, secretNamesOf, variablesOf } from '../flags.ts'
import { containerOf } from './container-flags.ts'
import type { ProjectFile } from './project-file.ts'
import type { Source } from './source.ts'

export type PrepareRequest = Awaited<ReturnType<typeof prepareRequest>>

/**
 * The body of `POST /deploy/prepare`. Options take precedence over capstan.json: single values and variables of the
 * same name replace those of the file, classes and secrets are added to them.
 * @throws UsageFault for faults that the command can detect; the API checks the rest
 */
export async function prepareRequest(
  given: { flags: DeployFlags; file: ProjectFile; source: Source },
  secretsFrom: Pick<CommandDeps, 'shellEnv' | 'prompt'>,
) {
  const { flags, file, source } = given
  const { healthCheck } = file
  return {
    environment: environmentOf(flags.environment ?? file.env ?? 'staging'),
    config: {
      appName: nameOf(flags.app ?? file.app ?? source.name, flags.app ?? file.app),
      ...(source.modules.length === 0 ? {} : { modules: source.modules }),
      ...(await containerOf({ flags, file }, secretsFrom)),
      durableObjects: [...new Set([...file.durableObjects, ...(flags.do ?? [])])],
      environmentVars: { ...file.environmentVars, ...variablesOf(flags) },
      healthCheck: {
        ...healthCheck,
        path: flags.health ?? healthCheck.path,
        timeoutSeconds: flags.timeout ?? healthCheck.timeoutSeconds,
      },
      secrets: await readSecrets([...new Set([...file.secrets, ...secretNamesOf(flags)])], secretsFrom),
      ...(flags.deleteSecret === undefined ? {} : { deleteSecrets: flags.deleteSecret }),
      ...publicationOf(flags, file),
      migrations: file.migrations,
    },
  }
}

/** The settings of the public addresses; omitted ones stay unchanged. */
function publicationOf(flags: DeployFlags, file: ProjectFile) {
  const workersDev = flags.workersDev ?? file.workersDev
  const previewUrls = flags.previewUrls ?? file.previewUrls
  return {
    ...(workersDev === undefined ? {} : { workersDev }),
    ...(previewUrls === undefined ? {} : { previewUrls }),
  }
}

function environmentOf(text: string) {
  const parsed = environment.safeParse(text)
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

async function readSecrets(
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
