import type { S3Client } from '@aws-sdk/client-s3'
import { propertiesOf, toError } from '../../../platform/thrown.ts'
import type { BucketConfig } from '../../config.ts'
import { StoreUnreachable } from '../index.ts'
import { createS3Client } from './client.ts'
import { createStoreClock } from './clock.ts'
import { createS3Links, type S3Links } from './links.ts'
import { initialRegion, regionRequestedBy } from './region.ts'

type Sdk = typeof import('@aws-sdk/client-s3')

export interface Connection {
  sdk: Sdk
  client: S3Client
  links: S3Links
}

export type CallResult<T> = { is: 'answer'; answer: T } | { is: 'status'; status: number; code: string }

export interface S3Calls {
  bucket: string
  connection(): Promise<Connection>
  /** Makes one call. The `expected` statuses are results. @throws StoreUnreachable for any other failure */
  ask<T>(
    call: (connection: Connection, options: { abortSignal: AbortSignal }) => Promise<T>,
    options?: { expected?: number[]; signal?: AbortSignal; ms?: number },
  ): Promise<CallResult<T>>
}

/** Time limit of a small call; large ones end with their caller's signal. */
const callMs = 5000

/** Minimum time between attempts to get the region and time of an unreachable store before signing a link. */
const introductionIntervalMs = 10_000

export function createS3Calls(config: BucketConfig): S3Calls {
  const clock = createStoreClock()
  let region = initialRegion(config)
  let opening: Promise<Connection> | undefined
  /** True once the store has accepted a request: then its region is correct and its time known. */
  let accepted = false
  let introducedAt = Number.NEGATIVE_INFINITY

  async function open(): Promise<Connection> {
    const client = await createS3Client(config, region)
    clock.follow(client)
    const links = await createS3Links(config, { client, region, clock })
    return { sdk: await import('@aws-sdk/client-s3'), client, links }
  }
  const connect = () => {
    opening ??= open()
    return opening
  }

  /** Makes a call and repeats it once if the store requests another region. */
  async function callInRegion<T>(
    call: (connection: Connection, options: Options) => Promise<T>,
    options: Options,
  ): Promise<T> {
    try {
      const answer = await call(await connect(), options)
      accepted = true
      return answer
    } catch (error) {
      const requested = regionRequestedBy(error) ?? (await regionByList(error, options))
      if (requested === undefined || requested === region) throw error
      region = requested
      opening = undefined
      const answer = await call(await connect(), options)
      accepted = true
      return answer
    }
  }

  /** Finds the region with a list request, because the response to a HEAD has no body that could name it. */
  async function regionByList(error: unknown, options: Options): Promise<string | undefined> {
    if (accepted || ![301, 400, 403].includes(statusOf(error) ?? 0)) return undefined
    const { sdk, client } = await connect()
    const list = new sdk.ListObjectsV2Command({ Bucket: config.bucket, MaxKeys: 1 })
    return client.send(list, options).then(() => undefined, regionRequestedBy)
  }

  const calls: S3Calls = {
    bucket: config.bucket,
    /** Links are signed locally, but for the store's region and time, so the store must have answered once. */
    async connection() {
      if (!accepted && Date.now() - introducedAt > introductionIntervalMs) {
        introducedAt = Date.now()
        const head = { Bucket: config.bucket }
        // An unreachable store leaves only this process's clock.
        await calls
          .ask(({ sdk, client }, options) => client.send(new sdk.HeadBucketCommand(head), options))
          .catch(() => undefined)
      }
      return connect()
    },
    async ask(call, options = {}) {
      const abortSignal = options.signal ?? AbortSignal.timeout(options.ms ?? callMs)
      try {
        return { is: 'answer', answer: await callInRegion(call, { abortSignal }) }
      } catch (error) {
        const status = statusOf(error)
        if (status !== undefined && options.expected?.includes(status))
          return { is: 'status', status, code: toError(error).name }
        options.signal?.throwIfAborted()
        // The message contains only the error's name: its text may contain the key id.
        const message = `the request to the object store failed: ${toError(error).name}`
        throw new StoreUnreachable(message, { cause: error })
      }
    },
  }
  return calls
}

interface Options {
  abortSignal: AbortSignal
}

function statusOf(error: unknown): number | undefined {
  const status = propertiesOf(propertiesOf(error).$metadata).httpStatusCode
  return typeof status === 'number' ? status : undefined
}

/** The result for a missing object. @throws StoreUnreachable if the whole bucket is missing */
export function resultOfMissing<T>(found: { code: string }, result: T): T {
  if (found.code === 'NoSuchBucket') throw new StoreUnreachable('the bucket does not exist')
  return result
}
