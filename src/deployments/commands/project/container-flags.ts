import { type CommandDeps, UsageFault } from '../../../cli/index.ts'
import { type InstanceType, instanceTypeNames } from '../../model/instance-types.ts'
import type { ProjectFile } from './project-file.ts'

/** The options for a container, as parsed by commander. */
export interface ContainerFlags {
  image?: string
  containerClass?: string
  port?: number
  instanceType?: string
  maxInstances?: number
  pullUser?: string
}

const passwordVariable = 'CAPSTAN_PULL_PASSWORD'

/** The container's image and settings; options take precedence over capstan.json. @throws UsageFault */
export async function containerOf(
  { flags, file }: { flags: ContainerFlags; file: Pick<ProjectFile, 'containerImage' | 'container'> },
  secretsFrom: Pick<CommandDeps, 'shellEnv' | 'prompt'>,
) {
  const containerImage = flags.image ?? file.containerImage
  const pullSecret = await pullSecretOf(flags.pullUser, secretsFrom)
  const container = {
    ...file.container,
    ...(flags.containerClass === undefined ? {} : { class: flags.containerClass }),
    ...(flags.port === undefined ? {} : { port: flags.port }),
    ...(flags.instanceType === undefined ? {} : { instanceType: instanceTypeOf(flags.instanceType) }),
    ...(flags.maxInstances === undefined ? {} : { maxInstances: flags.maxInstances }),
    ...(pullSecret === undefined ? {} : { pullSecret }),
  }
  return {
    ...(containerImage === undefined ? {} : { containerImage }),
    ...(Object.keys(container).length === 0 ? {} : { container }),
  }
}

function instanceTypeOf(name: string): InstanceType {
  const type = instanceTypeNames.find((each) => each === name)
  if (type !== undefined) return type
  throw new UsageFault(`--instance-type has to be one of ${instanceTypeNames.join(', ')}`)
}

/** The credentials for the registry. The password is no option: every user of the machine can read a command line. */
async function pullSecretOf(
  username: string | undefined,
  { shellEnv, prompt }: Pick<CommandDeps, 'shellEnv' | 'prompt'>,
): Promise<{ username: string; password: string } | undefined> {
  if (username === undefined) return undefined
  const given = shellEnv[passwordVariable]
  if (given === undefined && !prompt.interactive) {
    throw new UsageFault(
      `No password for ${username}: set ${passwordVariable}, as there's no terminal to ask on`,
    )
  }
  const password = given ?? (await prompt.ask(`Password of ${username} at the registry: `, { hidden: true }))
  return { username, password }
}
