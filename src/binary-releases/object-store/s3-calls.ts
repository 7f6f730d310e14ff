import type { S3Client } from '@aws-sdk/client-s3'
import { propertiesOf, toError } from '../../platform/thrown.ts'
import type { BucketConfig } from '../config.ts'
import { StoreUnreachable } from './index.ts'
import { createS3Client } from './s3-client.ts'
import { createStoreClock } from './s3-clock.ts'
import { createS3Links, type S3Links } from './s3-links.ts'
import { initialRegion, regionAskedFor } from './s3-region.ts'

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

/** How often a store that does not answer is asked for its region and time before a link is signed. */
const introductionMs = 10_000

export function createS3Calls(config: BucketConfig): S3Calls {
  const clock = createStoreClock()
  let region = initialRegion(config)
  let opening: Promise<Connection> | undefined
  /** The store has accepted a request of ours: its region is right and its time known. */
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

  /** Once more in the region that the store asks for. */
  async function inRegion<T>(
    call: (connection: Connection, options: Options) => Promise<T>,
    options: Options,
  ): Promise<T> {
    try {
      const answer = await call(await connect(), options)
      accepted = true
      return answer
    } catch (error) {
      const wanted = regionAskedFor(error) ?? (await regionByList(error, options))
      if (wanted === undefined || wanted === region) throw error
      region = wanted
      opening = undefined
      const answer = await call(await connect(), options)
      accepted = true
      return answer
    }
  }

  /** The answer to a HEAD has no body that could name the region. */
  async function regionByList(error: unknown, options: Options): Promise<string | undefined> {
    if (accepted || ![301, 400, 403].includes(statusOf(error) ?? 0)) return undefined
    const { sdk, client } = await connect()
    const list = new sdk.ListObjectsV2Command({ Bucket: config.bucket, MaxKeys: 1 })
    return client.send(list, options).then(() => undefined, regionAskedFor)
  }

  const calls: S3Calls = {
    bucket: config.bucket,
    /** A link is signed without asking the store, but for its region and in its time: it has to have answered before. */
    async connection() {
      if (!accepted && Date.now() - introducedAt > introductionMs) {
        introducedAt = Date.now()
        const head = { Bucket: config.bucket }
        // A store that is away leaves us with our own clock.
        await calls
          .ask(({ sdk, client }, options) => client.send(new sdk.HeadBucketCommand(head), options))
          .catch(() => undefined)
      }
      return connect()
    },
    async ask(call, options = {}) {
      const abortSignal = options.signal ?? AbortSignal.timeout(options.ms ?? callMs)
      try {
        return { is: 'answer', answer: await inRegion(call, { abortSignal }) }
      } catch (error) {
        const status = statusOf(error)
        if (status !== undefined && options.expected?.includes(status))
          return { is: 'status', status, code: toError(error).name }
        options.signal?.throwIfAborted()
        // The error's own text may name the key id: only its kind is passed on.
        throw new StoreUnreachable(`the object store failed: ${toError(error).name}`, { cause: error })
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

/** A bucket that is not there is a fault of the store, not an object that is not there. */
export function missing<T>(found: { code: string }, result: T): T {
  if (found.code === 'NoSuchBucket') throw new StoreUnreachable('the bucket does not exist')
  return result
}
