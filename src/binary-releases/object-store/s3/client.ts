import type { S3Client } from '@aws-sdk/client-s3'
import { createHttpAgents } from '../../../platform/network/outgoing.ts'
import type { BucketConfig } from '../../config.ts'

/**
 * Checksums only where the protocol requires one: R2 and older S3 servers refuse requests and presigned URLs with the
 * checksums that the SDK adds by default since 2025.
 */
const clientOptions = {
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
} as const

/** Loads the SDK on first use: it takes 20 MB of memory, which an installation with a folder as store does not need. */
export async function createS3Client(config: BucketConfig, region: string): Promise<S3Client> {
  const { S3Client } = await import('@aws-sdk/client-s3')
  const { accessKeyId, secretAccessKey, endpoint } = config
  return new S3Client({
    ...clientOptions,
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 2,
    // A long socket timeout, because a store sends nothing while it joins or copies a large file.
    requestHandler: { ...createHttpAgents(endpoint), connectionTimeout: 2000, socketTimeout: 120_000 },
  })
}
