import type { CloudContext } from '../context.ts'
import type { ImageRegistry } from '../options.ts'
import { containersRefusal } from './refusal.ts'

/** The API's name of an account's own registry. The response with its credentials contains the actual host. */
export const managedDomain = 'registry.cloudflare.com'

const manifestTimeoutMs = 10_000
const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** Checks that the image can be pulled. @throws ApiError IMAGE_REGISTRY_* */
export async function checkImage({ images, store }: CloudContext, image: string): Promise<void> {
  if (images === undefined) return
  const slash = image.indexOf('/')
  const host = image.slice(0, slash)
  if (host !== images.host) {
    if (store.containers.registries().some(({ domain }) => domain === host)) return
    throw containersRefusal('IMAGE_REGISTRY_NOT_CONFIGURED', 'The registry of the image is not configured.')
  }
  const [, repository = '', reference = ''] = /^(.+?)(?:@|:)([^/]+)$/.exec(image.slice(slash + 1)) ?? []
  const status = await headManifest(images, `${repository}/manifests/${reference.replace(/^.*@/, '')}`)
  if (status === 404) {
    throw containersRefusal('IMAGE_REGISTRY_DOESNT_CONTAIN_IMAGE', 'The registry does not contain the image.')
  }
  if (status === undefined || status >= 500) {
    throw containersRefusal('IMAGE_REGISTRY_RETURNED_ERROR', 'The registry did not respond.')
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
      signal: AbortSignal.timeout(manifestTimeoutMs),
    })
    return response.status
  } catch {
    return undefined
  }
}
