import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { readBytes } from '../api/body.ts'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Bucket } from '../store/resources.ts'
import { type BridgeCall, callBridge, textOf } from './bridge-call.ts'
import { deleteStore } from './delete-store.ts'

const storageClass = z.enum(['Standard', 'InfrequentAccess'])
export const bucketBody = z.strictObject({
  name: z.string(),
  locationHint: z.string().optional(),
  storageClass: storageClass.optional(),
})

/** Cloudflare's limit for one upload through the API. */
const maxObjectBytes = 300 * 1024 * 1024

/** @throws ApiError 10006 */
export function requireBucket({ store }: CloudContext, name: string): Bucket {
  const found = store.resources.bucket(name)
  if (found === undefined) throw new ApiError('bucketNotFound')
  return found
}

/** @throws ApiError 10004 or 10005 */
export function createBucket(
  { store }: CloudContext,
  { name, locationHint, storageClass: wanted = 'Standard' }: z.infer<typeof bucketBody>,
  jurisdiction: string,
): Bucket {
  if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)) throw new ApiError('invalidBucketName')
  if (store.resources.bucket(name) !== undefined) throw new ApiError('bucketExists')
  const location = locationHint?.toLowerCase() ?? null
  const bucket = { name, createdOn: new Date().toISOString(), location, storageClass: wanted, jurisdiction }
  store.resources.createBucket(bucket)
  return bucket
}

/** Deletes an empty bucket. @throws ApiError 10006 or 10008 */
export async function deleteBucket(cloud: CloudContext, name: string): Promise<void> {
  requireBucket(cloud, name)
  const { objects } = await listObjects(cloud, name, { limit: 1 })
  if (objects.length > 0) throw new ApiError('bucketNotEmpty')
  await deleteStore(cloud, { kind: 'r2', id: name }, () => cloud.store.resources.deleteBucket(name))
}

async function callBucket(cloud: CloudContext, name: string, call: BridgeCall) {
  const answer = await callBridge(cloud, `r2:${name}`, call)
  if (answer.status !== 500) return answer
  throw new ApiError('invalidBody', (await textOf(answer)).text)
}

const object = z.object({
  key: z.string(),
  version: z.string(),
  size: z.number(),
  etag: z.string(),
  uploaded: z.string(),
  httpMetadata: z.record(z.string(), z.string()).optional(),
  customMetadata: z.record(z.string(), z.string()).optional(),
  storageClass: z.string().optional(),
  range: z.object({ offset: z.number().optional(), length: z.number().optional() }).optional(),
})
export type StoredObject = z.infer<typeof object>
const listed = z.object({
  objects: z.array(object),
  truncated: z.boolean(),
  cursor: z.string().optional(),
  delimitedPrefixes: z.array(z.string()),
})

export interface ListOptions {
  limit?: number
  prefix?: string | undefined
  cursor?: string | undefined
  delimiter?: string | undefined
  startAfter?: string | undefined
}

export async function listObjects(cloud: CloudContext, bucket: string, options: ListOptions) {
  const answer = await callBucket(cloud, bucket, {
    operation: 'LIST',
    query: { options: JSON.stringify(options) },
  })
  return listed.parse(JSON.parse((await textOf(answer)).text))
}

/** An object with its bytes. `headers` may contain a range and conditions. @throws ApiError 10007 */
export async function getObject(cloud: CloudContext, bucket: string, key: string, req: IncomingMessage) {
  const conditions = ['range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']
  const given = conditions.flatMap((name) => {
    const value = req.headers[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const answer = await callBucket(cloud, bucket, { query: { key }, headers: Object.fromEntries(given) })
  if (answer.status === 404) {
    answer.body.resume()
    throw new ApiError('objectNotFound')
  }
  return { status: answer.status, object: object.parse(answer.about), body: answer.body }
}

/** The HTTP headers that R2 keeps with an object, and their names in the bindings' API. */
export const httpFields = {
  'content-type': 'contentType',
  'content-language': 'contentLanguage',
  'content-disposition': 'contentDisposition',
  'content-encoding': 'contentEncoding',
  'cache-control': 'cacheControl',
} as const

/** Stores the body of a request as an object. @throws ApiError 10026 or 10027 */
export async function putObject(
  cloud: CloudContext,
  bucket: Bucket,
  key: string,
  req: IncomingMessage,
): Promise<StoredObject> {
  const { headers } = req
  const length = headers['content-length']
  if (Number(length ?? 0) > maxObjectBytes) throw new ApiError('tooLarge')
  const metadata = Object.entries(httpFields).flatMap(([name, field]) => {
    const value = headers[name]
    return typeof value === 'string' ? [[field, value] as const] : []
  })
  const expires = headers.expires === undefined ? {} : { cacheExpiry: new Date(headers.expires) }
  const wanted = headers['cf-r2-storage-class'] ?? bucket.storageClass
  const options = { httpMetadata: { ...Object.fromEntries(metadata), ...expires }, storageClass: wanted }
  const query = { key, options: JSON.stringify(options) }
  // The bucket needs the length beforehand.
  const sent =
    length === undefined
      ? { body: await readBytes(req, maxObjectBytes) }
      : { body: req, headers: { 'content-length': length } }
  const answer = await callBucket(cloud, bucket.name, { method: 'PUT', query, ...sent })
  return object.parse(JSON.parse((await textOf(answer)).text))
}

export async function deleteObject(cloud: CloudContext, bucket: string, key: string): Promise<void> {
  await textOf(await callBucket(cloud, bucket, { method: 'DELETE', query: { key } }))
}
