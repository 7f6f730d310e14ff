import type { S3Client } from '@aws-sdk/client-s3'
import { createHttpAgents } from '../../platform/network/outgoing.ts'
import type { BucketConfig } from '../config.ts'

/**
 * R2 refuses requests and presigned URLs with the checksums that the SDK adds since 2025 unless a call needs one;
 * older S3 servers do so, too.
 */
const clientOptions = {
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
} as const

/** Loaded when it is first needed: the SDK is 20 MB of memory that an installation on files never pays for. */
export async function createS3Client(config: BucketConfig, region: string): Promise<S3Client> {
  const { S3Client } = await import('@aws-sdk/client-s3')
  const { accessKeyId, secretAccessKey, endpoint } = config
  return new S3Client({
    ...clientOptions,
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 2,
    // Silence is no fault yet: a store says nothing while it joins the parts of a large file, or copies one.
    requestHandler: { ...createHttpAgents(endpoint), connectionTimeout: 2000, socketTimeout: 120_000 },
  })
}
