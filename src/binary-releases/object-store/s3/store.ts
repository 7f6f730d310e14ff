import type { Readable } from 'node:stream'
import type { BucketConfig } from '../../config.ts'
import { type ObjectStore, smallObject, type WriteCondition } from '../index.ts'
import { createS3Calls, resultOfMissing } from './calls.ts'
import { encoded } from './links.ts'
import { s3Uploads } from './uploads.ts'

/** A bucket of R2, S3, MinIO or another S3-compatible store. */
export function createS3Store(config: BucketConfig): ObjectStore {
  const calls = createS3Calls(config)
  const { ask, bucket: Bucket } = calls
  return {
    ...s3Uploads(calls),

    async probe() {
      let date: string | undefined
      await ask(({ sdk, client }, options) => {
        const command = new sdk.HeadBucketCommand({ Bucket })
        command.middlewareStack.add(
          (next) => async (args) => {
            const result = await next(args)
            date = dateOf(result.response)
            return result
          },
          { step: 'deserialize' },
        )
        return client.send(command, options)
      })
      // The header counts whole seconds.
      return { aheadMs: date === undefined ? 0 : Date.now() - Date.parse(date) - 500 }
    },

    async read(Key, condition) {
      const input = { Bucket, Key, ...(condition === undefined ? {} : { IfNoneMatch: condition.etag }) }
      const found = await ask(
        async ({ sdk, client }, options) => {
          const {
            Body,
            ETag = '',
            ContentLength = 0,
          } = await client.send(new sdk.GetObjectCommand(input), options)
          if (ContentLength > smallObject) {
            ;(Body as Readable).destroy()
            return { body: Buffer.alloc(0), etag: ETag }
          }
          return { body: Buffer.from((await Body?.transformToByteArray()) ?? []), etag: ETag }
        },
        { expected: [304, 404] },
      )
      if (found.is === 'answer') return found.answer
      if (found.status === 304) return 'unchanged'
      return resultOfMissing(found, undefined)
    },

    async head(Key) {
      const found = await ask(
        ({ sdk, client }, options) => client.send(new sdk.HeadObjectCommand({ Bucket, Key }), options),
        { expected: [404] },
      )
      if (found.is === 'status') return undefined
      return { size: found.answer.ContentLength ?? 0, etag: found.answer.ETag ?? '' }
    },

    async stream(Key, signal) {
      const found = await ask(
        ({ sdk, client }, options) => client.send(new sdk.GetObjectCommand({ Bucket, Key }), options),
        { expected: [404], signal },
      )
      if (found.is === 'status') return resultOfMissing(found, undefined)
      const { Body, ContentLength = 0, ETag = '' } = found.answer
      return { body: Body as Readable, size: ContentLength, etag: ETag }
    },

    async write(Key, { body, contentType, only }) {
      const input = { Bucket, Key, Body: body, ContentType: contentType, ...conditionOf(only) }
      const done = await ask(
        ({ sdk, client }, options) => client.send(new sdk.PutObjectCommand(input), options),
        // 409: another conditional write of the key was in flight. 404: the object to replace no longer exists.
        { expected: only === undefined ? [] : [412, 409, 404] },
      )
      return done.is === 'answer' ? 'written' : resultOfMissing(done, 'conflict')
    },

    async copy(from, Key, signal) {
      const CopySource = encoded(`${Bucket}/${from.key}`).replaceAll('%2F', '/')
      const input = { Bucket, Key, CopySource, CopySourceIfMatch: from.etag }
      const done = await ask(
        ({ sdk, client }, options) => client.send(new sdk.CopyObjectCommand(input), options),
        { expected: [412, 404], signal },
      )
      return done.is === 'answer' ? 'copied' : resultOfMissing(done, 'changed')
    },

    async remove(Key) {
      await ask(({ sdk, client }, options) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket, Key }), options),
      )
    },

    async list(Prefix, after) {
      const input = { Bucket, Prefix, ...(after === undefined ? {} : { StartAfter: after }) }
      const found = await ask(({ sdk, client }, options) =>
        client.send(new sdk.ListObjectsV2Command(input), options),
      )
      if (found.is === 'status') return []
      return (found.answer.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key]))
    },

    // The bucket's lifecycle rules remove interrupted uploads.
    tidy: async () => 0,
  }
}

function dateOf(response: unknown): string | undefined {
  const { headers } = (response ?? {}) as { headers?: Record<string, string> }
  return headers?.date
}

function conditionOf(only: WriteCondition | undefined) {
  if (only === undefined) return {}
  return only === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: only.etag }
}
