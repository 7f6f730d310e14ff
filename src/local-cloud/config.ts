import { resolve } from 'node:path'
import { z } from 'zod'
import { credentialText, flag, listOf, passwordText, port } from '../platform/config/fields.ts'
import { dataDirVariable, parseVariables } from '../platform/config/index.ts'
import { settingGroup } from '../platform/config/settings.ts'
import type { ImageRegistry } from './options.ts'

export interface LocalCloudConfig {
  /** False if the service deploys only to Cloudflare, or not at all. */
  enabled: boolean
  port: number
  token: string | undefined
  privateNetwork: boolean
  zones: string[]
  /** The registry for container images. Images are not copied if it is unset. */
  images: ImageRegistry | undefined
}

const about = settingGroup('The local cloud', ['local cloud'])

export const localCloudVariables = z.object({
  LOCAL_CLOUD_PORT: about(port(8787), 'port on which the local cloud and its apps answer', {
    usedBy: ['web', 'worker', 'local cloud', 'commands'],
  }),
  LOCAL_CLOUD_TOKEN: about(
    credentialText('LOCAL_CLOUD_TOKEN').min(20, 'expected at least 20 characters').optional(),
    'API token of the local cloud, 20 characters or more; `capstan cloud` shows it',
    { usedBy: ['web', 'worker', 'local cloud', 'commands'], secret: true, without: 'generated in DATA_DIR' },
  ),
  LOCAL_CLOUD_ZONES: about(
    z
      .string()
      .refine(
        (list) =>
          listOf(list).every((name) => /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/.test(name)),
        'expected domain names in lower case',
      )
      .default('capstan.test'),
    'comma-separated domains whose host names the local cloud records',
  ),
  LOCAL_CLOUD_PRIVATE_NETWORK: about(
    z.literal('allow', 'expected allow, or unset').optional(),
    'allow: Workers may also call this machine and its network',
    { without: 'not allowed' },
  ),
  LOCAL_CLOUD_REGISTRY: about(
    z
      .string()
      .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/, 'expected a host name with an optional port')
      .optional(),
    'host[:port] of a registry for images of containers',
    { without: 'images are only recorded' },
  ),
  LOCAL_CLOUD_REGISTRY_USERNAME: about(flag('LOCAL_CLOUD_REGISTRY_USERNAME'), 'user name at that registry'),
  LOCAL_CLOUD_REGISTRY_PASSWORD: about(
    passwordText.min(1, 'is set but empty').optional(),
    'password at that registry',
    { secret: true },
  ),
})
type Variables = z.infer<typeof localCloudVariables>

/** @param faults the list to which configuration errors are added; any error prevents the start */
export function localCloudConfig(
  vars: Variables,
  { enabled, faults }: { enabled: boolean; faults: string[] },
): LocalCloudConfig {
  return {
    enabled,
    port: vars.LOCAL_CLOUD_PORT,
    token: vars.LOCAL_CLOUD_TOKEN,
    zones: listOf(vars.LOCAL_CLOUD_ZONES),
    privateNetwork: vars.LOCAL_CLOUD_PRIVATE_NETWORK === 'allow',
    images: imageRegistryOf(vars, faults),
  }
}

const addressVariables = z.object({
  ...dataDirVariable.shape,
  ...localCloudVariables.pick({ LOCAL_CLOUD_PORT: true, LOCAL_CLOUD_TOKEN: true }).shape,
})

/**
 * The port, the token and the data directory of the local cloud in these variables; reads no other variables.
 * @throws ConfigError for invalid values
 */
export function configuredCloud(env: NodeJS.ProcessEnv): {
  dataDir: string
  port: number
  token: string | undefined
} {
  const { DATA_DIR, LOCAL_CLOUD_PORT: port, LOCAL_CLOUD_TOKEN: token } = parseVariables(addressVariables, env)
  return { dataDir: resolve(DATA_DIR), port, token }
}

/** The image registry. The user name and the password must be set together, and only with a registry. */
function imageRegistryOf(vars: Variables, faults: string[]): ImageRegistry | undefined {
  const { LOCAL_CLOUD_REGISTRY: host } = vars
  const { LOCAL_CLOUD_REGISTRY_USERNAME: username, LOCAL_CLOUD_REGISTRY_PASSWORD: password } = vars
  if ((username === undefined) !== (password === undefined)) {
    faults.push('LOCAL_CLOUD_REGISTRY_USERNAME: set it together with LOCAL_CLOUD_REGISTRY_PASSWORD')
  }
  if (host === undefined) {
    if (username !== undefined) faults.push('LOCAL_CLOUD_REGISTRY: required when its user name is set')
    return undefined
  }
  return { host, username, password }
}
