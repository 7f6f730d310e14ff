import { type CommandDeps, UsageFault } from '../../../cli/index.ts'
import { type DeployFlags, variablesOf } from '../deploy/flags.ts'
import { containerOf } from '../project/container-flags.ts'
import { isCredential } from '../project/credentials.ts'
import { healthCheckOf } from '../project/health-flags.ts'
import type { ProjectFile } from '../project/project-file.ts'
import {
  environmentOf,
  namesOfSecrets,
  type PrepareRequest,
  publicationOf,
  readSecrets,
} from '../project/request.ts'
import { bundleProject } from './bundle.ts'
import type { Blob } from './contents/files.ts'
import type { WranglerProject } from './reading/find-project.ts'
import { translate } from './translate.ts'

export interface WranglerRequest {
  request: PrepareRequest
  /** Bytes that the request names by their digest. */
  blobs: Blob[]
  notes: string[]
}

interface Given {
  project: WranglerProject
  flags: DeployFlags
  file: ProjectFile
  /** Receives a line about the progress. */
  say(line: string): void
}

/**
 * The request for a wrangler project. Options take precedence over capstan.json, and both over the project.
 * @throws UsageFault if the project cannot be deployed
 */
export async function wranglerRequest(
  { project, flags, file, say }: Given,
  deps: Pick<CommandDeps, 'shellEnv' | 'prompt'>,
): Promise<WranglerRequest> {
  refuseOthers(flags, file)
  const names = namesOfSecrets(flags, file)
  const environment = environmentOf(flags, file)
  const { wrangler = {} } = file
  const { staging, production } = wrangler
  const bundle = await bundleProject(project, {
    environment,
    choice: {
      section: flags.wranglerEnv,
      sections: {
        ...(staging === undefined ? {} : { staging }),
        ...(production === undefined ? {} : { production }),
      },
    },
    app: flags.app ?? file.app,
    image: (flags.image ?? file.containerImage) !== undefined,
    env: deps.shellEnv,
    passVariables: (wrangler.buildVariables ?? []).filter((name) => !isCredential(name)),
    timeoutSeconds: wrangler.buildSeconds ?? defaultBuildSeconds,
    say,
  })
  const translated = await translate(bundle, {
    share: flags.shareResources ?? wrangler.shareResources ?? false,
    mayCreate: flags.create !== false,
  })
  const { image, ...container } = translated.container ?? {}
  const containerFile = {
    containerImage: file.containerImage ?? image,
    container: { ...container, ...file.container },
  }
  const request = {
    environment,
    config: {
      appName: bundle.app,
      ...translated.config,
      ...(await containerOf({ flags, file: containerFile }, deps)),
      environmentVars: { ...translated.environmentVars, ...file.environmentVars, ...variablesOf(flags) },
      healthCheck: healthCheckOf(flags, file, { lenient: true }),
      secrets: {
        ...valuesOf(translated.config.requiredSecrets ?? [], deps.shellEnv),
        ...(await readSecrets(names, deps)),
      },
      ...(flags.deleteSecret === undefined ? {} : { deleteSecrets: flags.deleteSecret }),
      ...publicationOf(flags, file),
      ...(flags.migrate === false ? { noMigrate: true } : {}),
    },
  }
  const skipped = (translated.config.requiredSecrets ?? []).filter(
    (name) => isCredential(name) && deps.shellEnv[name] !== undefined && !names.includes(name),
  )
  const notes = skipped.map(
    (name) => `${name} looks like a credential of this machine; to deploy its value, add --secret ${name}`,
  )
  return { request, blobs: translated.blobs, notes: [...translated.notes, ...notes] }
}

const defaultBuildSeconds = 600

/**
 * The values of required secrets in the shell. One without a value is one that the app may have already: the API checks it.
 * A credential of this machine is never taken because a project's file names it; `--secret NAME` takes it.
 */
function valuesOf(names: string[], env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name]
      return value === undefined || isCredential(name) ? [] : [[name, value]]
    }),
  )
}

/** @throws UsageFault for settings that only projects without wrangler have */
function refuseOthers(flags: DeployFlags, { main, durableObjects, migrations }: ProjectFile): void {
  const { deletedClasses, renamedClasses } = migrations
  const found = [
    ...(main === undefined ? [] : ['main']),
    ...(durableObjects.length === 0 ? [] : ['durableObjects']),
    ...(deletedClasses.length + renamedClasses.length === 0 ? [] : ['migrations']),
  ]
  if (found.length > 0)
    throw new UsageFault(
      `capstan.json has ${found.join(', ')}, which the wrangler configuration of this project says, too: remove one of them`,
    )
  if (flags.do !== undefined) throw new UsageFault('--do is for projects without a wrangler configuration')
}
