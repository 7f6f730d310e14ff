import type { S3Client } from '@aws-sdk/client-s3'
import type { BucketConfig } from '../../platform/config/index.ts'
import { StoreUnreachable } from './index.ts'
import { createS3Client } from './s3-client.ts'
import { createS3Links, type S3Links } from './s3-links.ts'

type Sdk = typeof import('@aws-sdk/client-s3')

export interface Connection {
  sdk: Sdk
  client: S3Client
  links: S3Links
}

export type Answer<T> = { is: 'answer'; answer: T } | { is: 'status'; status: number; code: string }

export interface S3Calls {
  bucket: string
  connection(): Promise<Connection>
  /** One call. Statuses that are `expected` are results. @throws StoreUnreachable for the others. */
  ask<T>(
    call: (connection: Connection, options: { abortSignal: AbortSignal }) => Promise<T>,
    options?: { expected?: number[]; signal?: AbortSignal; ms?: number },
  ): Promise<Answer<T>>
}

/** A small call. Large ones end by their caller's signal. */
const callMs = 5000

export function createS3Calls(config: BucketConfig): S3Calls {
  let opening: Promise<Connection> | undefined

  async function open(): Promise<Connection> {
    const client = await createS3Client(config)
    return { sdk: await import('@aws-sdk/client-s3'), client, links: await createS3Links(config, client) }
  }
  const connection = () => {
    opening ??= open()
    return opening
  }

  return {
    bucket: config.bucket,
    connection,
    async ask(call, options = {}) {
      const abortSignal = options.signal ?? AbortSignal.timeout(options.ms ?? callMs)
      try {
        return { is: 'answer', answer: await call(await connection(), { abortSignal }) }
      } catch (error) {
        const status = statusOf(error)
        if (status !== undefined && options.expected?.includes(status))
          return { is: 'status', status, code: (error as Error).name }
        options.signal?.throwIfAborted()
        // The error's own text may name the key id: only its kind is passed on.
        throw new StoreUnreachable(`the object store failed: ${(error as Error).name}`, { cause: error })
      }
    },
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
}

/** A bucket that is not there is a fault of the store, not an object that is not there. */
export function missing<T>(found: { code: string }, result: T): T {
  if (found.code === 'NoSuchBucket') throw new StoreUnreachable('the bucket does not exist')
  return result
}
