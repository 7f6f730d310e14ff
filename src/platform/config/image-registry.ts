import { z } from 'zod'
import { flag, passwordText } from './fields.ts'

/** A registry that is run beside the local cloud, for the images of its containers. */
export interface ImageRegistryConfig {
  host: string
  username: string | undefined
  password: string | undefined
}

export const imageRegistryVariables = z.object({
  LOCAL_CLOUD_REGISTRY: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/, 'expected a host name, perhaps with a port')
    .optional(),
  LOCAL_CLOUD_REGISTRY_USERNAME: flag('LOCAL_CLOUD_REGISTRY_USERNAME'),
  LOCAL_CLOUD_REGISTRY_PASSWORD: passwordText.min(1, 'is set but empty').optional(),
})
type Variables = z.infer<typeof imageRegistryVariables>

export function imageRegistryConfig(vars: Variables, faults: string[]): ImageRegistryConfig | undefined {
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
