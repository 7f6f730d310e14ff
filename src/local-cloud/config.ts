import { resolve } from 'node:path'
import { z } from 'zod'
import { credentialText, flag, listOf, passwordText, port } from '../platform/config/fields.ts'
import { dataDirVariable, parseVariables } from '../platform/config/index.ts'
import type { ImageRegistry } from './options.ts'

export interface LocalCloudConfig {
  /** False where the service deploys to Cloudflare only, or not at all. */
  enabled: boolean
  port: number
  token: string | undefined
  privateNetwork: boolean
  zones: string[]
  /** Unset, images are not copied there. */
  images: ImageRegistry | undefined
}

export const localCloudVariables = z.object({
  LOCAL_CLOUD_PORT: port(8787),
  LOCAL_CLOUD_TOKEN: credentialText('LOCAL_CLOUD_TOKEN')
    .min(20, 'expected at least 20 characters')
    .optional(),
  LOCAL_CLOUD_ZONES: z
    .string()
    .refine(
      (list) =>
        listOf(list).every((name) => /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/.test(name)),
      'expected domain names in lower case',
    )
    .default('capstan.test'),
  LOCAL_CLOUD_PRIVATE_NETWORK: z.literal('allow', 'expected allow, or unset').optional(),
  LOCAL_CLOUD_REGISTRY: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/, 'expected a host name, perhaps with a port')
    .optional(),
  LOCAL_CLOUD_REGISTRY_USERNAME: flag('LOCAL_CLOUD_REGISTRY_USERNAME'),
  LOCAL_CLOUD_REGISTRY_PASSWORD: passwordText.min(1, 'is set but empty').optional(),
})
type Variables = z.infer<typeof localCloudVariables>

/** @param faults takes what must stop the start. */
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

const described = z.object({
  ...dataDirVariable.shape,
  ...localCloudVariables.pick({ LOCAL_CLOUD_PORT: true, LOCAL_CLOUD_TOKEN: true }).shape,
})

/**
 * Where the local cloud that these variables describe answers and keeps its state; reads no other variables.
 * @throws ConfigError for faulty ones
 */
export function describedCloud(env: NodeJS.ProcessEnv): {
  dataDir: string
  port: number
  token: string | undefined
} {
  const { DATA_DIR, LOCAL_CLOUD_PORT: port, LOCAL_CLOUD_TOKEN: token } = parseVariables(described, env)
  return { dataDir: resolve(DATA_DIR), port, token }
}

/** All of the group or none of it: half of it is a fault. */
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
