import type { S3Client } from '@aws-sdk/client-s3'
import type { BucketConfig } from '../../config.ts'
import { linkSeconds, type SignedLink } from '../index.ts'
import type { StoreClock } from './clock.ts'

export type S3Links = (
  method: 'GET' | 'PUT',
  key: string,
  query: Record<string, string>,
) => Promise<SignedLink>

/**
 * Presigned URLs, computed locally. The SDK's `getSignedUrl` runs a command through all its middleware: 0.6 ms of CPU,
 * against 0.09 ms for the signature alone.
 */
export async function createS3Links(
  config: BucketConfig,
  signing: { client: S3Client; region: string; clock: StoreClock },
): Promise<S3Links> {
  const { client, region, clock } = signing
  const { S3RequestPresigner } = await import('@aws-sdk/s3-request-presigner')
  const { sha256 } = client.config
  const credentials = { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey }
  const presigner = new S3RequestPresigner({ credentials, region, sha256 })
  const { protocol, hostname, port, host, pathname, origin } = new URL(config.endpoint)
  const base = `${pathname.replace(/\/+$/, '')}/${config.bucket}`

  return async (method, key, query) => {
    const path = `${base}/${key.split('/').map(encoded).join('/')}`
    const request = {
      method,
      protocol,
      hostname,
      path,
      query,
      headers: { host },
      ...(port === '' ? {} : { port: Number(port) }),
    }
    const signingDate = clock.now()
    const signed = await presigner.presign(request, { expiresIn: linkSeconds, signingDate })
    const search = Object.entries(signed.query ?? {}).map(
      ([name, value]) => `${name}=${encoded(String(value))}`,
    )
    // The signature counts whole seconds.
    const startsAt = Math.floor(signingDate.getTime() / 1000)
    return {
      url: `${origin}${path}?${search.join('&')}`,
      expiresAt: new Date((startsAt + linkSeconds) * 1000),
    }
  }
}

/** Encodes as the signature requires: `encodeURIComponent` leaves five characters that RFC 3986 reserves. */
export const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
