import { downloadName, type ObjectStore, StoreUnreachable } from '../index.ts'
import { resultOfMissing, type S3Calls } from './calls.ts'

const MIB = 1024 * 1024

type Uploads = Pick<
  ObjectStore,
  'limits' | 'linkToRead' | 'linkToWrite' | 'linkToWritePart' | 'startParts' | 'joinParts' | 'dropParts'
>

/** Transfers between clients and the bucket through signed URLs, in one piece or in parts. */
export function s3Uploads({ ask, connection, bucket: Bucket }: S3Calls): Uploads {
  return {
    limits: { singleUpload: 64 * MIB, part: 16 * MIB },

    async linkToRead(key, filename) {
      const { links } = await connection()
      return links('GET', key, { 'response-content-disposition': downloadName(filename) })
    },

    async linkToWrite(key) {
      return (await connection()).links('PUT', key, {})
    },

    async startParts(Key) {
      const started = await ask(({ sdk, client }, options) =>
        client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key }), options),
      )
      if (started.is === 'answer' && started.answer.UploadId !== undefined) return started.answer.UploadId
      throw new StoreUnreachable('the object store returned no upload id')
    },

    async linkToWritePart(key, { upload, number }) {
      return (await connection()).links('PUT', key, { partNumber: String(number), uploadId: upload })
    },

    async joinParts(Key, UploadId, parts) {
      const MultipartUpload = { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) }
      const input = { Bucket, Key, UploadId, MultipartUpload }
      const done = await ask(
        ({ sdk, client }, options) => client.send(new sdk.CompleteMultipartUploadCommand(input), options),
        { expected: [400, 404], ms: 120_000 },
      )
      return done.is === 'answer' ? 'joined' : resultOfMissing(done, 'gone')
    },

    async dropParts(Key, UploadId) {
      const input = { Bucket, Key, UploadId }
      await ask(
        ({ sdk, client }, options) => client.send(new sdk.AbortMultipartUploadCommand(input), options),
        { expected: [404] },
      )
    },
  }
}
