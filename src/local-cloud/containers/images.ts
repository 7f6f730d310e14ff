import type { CloudContext } from '../context.ts'
import type { ImageRegistry } from '../options.ts'
import { containersRefusal } from './refusal.ts'

/** The name under which an account's own registry is asked for; where it is, its credentials say. */
export const managedDomain = 'registry.cloudflare.com'

const lookMs = 10_000
const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** @throws IMAGE_REGISTRY_* when the image could not be had for a container. */
export async function checkImage({ images, store }: CloudContext, image: string): Promise<void> {
  if (images === undefined) return
  const slash = image.indexOf('/')
  const host = image.slice(0, slash)
  if (host !== images.host) {
    if (store.containers.registries().some(({ domain }) => domain === host)) return
    throw containersRefusal(
      'IMAGE_REGISTRY_NOT_CONFIGURED',
      'The image is in a registry that is not configured.',
    )
  }
  const [, repository = '', reference = ''] = /^(.+?)(?:@|:)([^/]+)$/.exec(image.slice(slash + 1)) ?? []
  const status = await headManifest(images, `${repository}/manifests/${reference.replace(/^.*@/, '')}`)
  if (status === 404) {
    throw containersRefusal('IMAGE_REGISTRY_DOESNT_CONTAIN_IMAGE', 'The registry does not have the image.')
  }
  if (status === undefined || status >= 500) {
    throw containersRefusal('IMAGE_REGISTRY_RETURNED_ERROR', 'The registry did not answer.')
  }
}

async function headManifest(registry: ImageRegistry, path: string): Promise<number | undefined> {
  const { host, username, password } = registry
  const scheme = /^(localhost|127\.|\[::1\])/.test(host) ? 'http' : 'https'
  const basic = Buffer.from(`${username}:${password}`).toString('base64')
  const authorization = username === undefined ? {} : { authorization: `Basic ${basic}` }
  try {
    const response = await fetch(`${scheme}://${host}/v2/${path}`, {
      method: 'HEAD',
      headers: { accept, ...authorization },
      signal: AbortSignal.timeout(lookMs),
    })
    return response.status
  } catch {
    return undefined
  }
}
