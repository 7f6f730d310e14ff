import { z } from 'zod'
import type { CloudContext } from '../../context.ts'
import { ApiError } from '../../errors.ts'
import {
  bucketBody,
  createBucket,
  deleteBucket,
  deleteObject,
  getObject,
  httpFields,
  listObjects,
  putObject,
  requireBucket,
  type StoredObject,
} from '../../resources/r2.ts'
import type { Bucket } from '../../store/resources.ts'
import { readJson } from '../body.ts'
import type { Call, Router } from '../router.ts'

const all = '/accounts/{account}/r2/buckets'
const one = `${all}/{bucket}`
const object = `${one}/objects/{key+}`

const view = ({ name, createdOn, location, storageClass, jurisdiction }: Bucket) => ({
  name,
  creation_date: createdOn,
  ...(location === null ? {} : { location }),
  storage_class: storageClass,
  jurisdiction,
})

const given = (call: Call, name: string) => call.query.get(name) ?? undefined

/** The routes of R2 buckets and their objects. */
export function r2Routes(router: Router, cloud: CloudContext): void {
  const { resources } = cloud.store
  const bucketOf = (call: Call) => requireBucket(cloud, call.param('bucket'))
  router
    .on(`GET ${all}`, ({ query }) => {
      const [contains, after] = [
        query.get('name_contains') ?? '',
        query.get('start_after') ?? query.get('cursor') ?? '',
      ]
      const found = resources.buckets().filter(({ name }) => name.includes(contains) && name > after)
      const sorted = query.get('direction') === 'desc' ? found.toReversed() : found
      const limit = Math.min(Number(query.get('per_page') ?? 1000) || 1000, 1000)
      const page = sorted.slice(0, limit)
      const cursor = sorted.length > limit ? (page.at(-1)?.name ?? '') : ''
      return { result: { buckets: page.map(view) }, resultInfo: { cursor, per_page: limit } }
    })
    .on(`POST ${all}`, async ({ req }) => {
      const jurisdiction = String(req.headers['cf-r2-jurisdiction'] ?? 'default')
      return { result: view(createBucket(cloud, await readJson(req, bucketBody), jurisdiction)) }
    })
    .on(`GET ${one}`, (call) => ({ result: view(bucketOf(call)) }))
    .on(`PATCH ${one}`, async (call) => {
      const { name } = bucketOf(call)
      const wanted = z
        .enum(['Standard', 'InfrequentAccess'])
        .safeParse(call.req.headers['cf-r2-storage-class'])
      if (!wanted.success)
        throw new ApiError('invalidBody', 'The header cf-r2-storage-class is missing or invalid.')
      resources.setStorageClass(name, wanted.data)
      return { result: view(bucketOf(call)) }
    })
    .on(`DELETE ${one}`, async (call) => {
      await deleteBucket(cloud, call.param('bucket'))
      return { result: {} }
    })
  objectRoutes(router, cloud, bucketOf)
}

function objectRoutes(router: Router, cloud: CloudContext, bucketOf: (call: Call) => Bucket): void {
  router
    .on(`GET ${one}/objects`, async (call) => {
      const perPage = Math.min(Math.max(Number(call.query.get('per_page') ?? 1000) || 1000, 1), 1000)
      const found = await listObjects(cloud, bucketOf(call).name, {
        limit: perPage,
        prefix: given(call, 'prefix'),
        cursor: given(call, 'cursor'),
        delimiter: given(call, 'delimiter'),
        startAfter: given(call, 'start_after'),
      })
      const { truncated, cursor = '', delimitedPrefixes: delimited } = found
      const info = { cursor, is_truncated: truncated, per_page: perPage, delimited }
      return { result: found.objects.map(objectView), resultInfo: info }
    })
    .on(`GET ${object}`, async (call) => {
      const found = await getObject(cloud, bucketOf(call).name, call.param('key+'), call.req)
      return {
        raw: found.body,
        headers: objectHeaders(found.object),
        status: statusOf(found.status, found.object),
      }
    })
    .on(`PUT ${object}`, async (call) => {
      const stored = await putObject(cloud, bucketOf(call), call.param('key+'), call.req)
      const { key, etag, version, uploaded, size, storageClass = 'Standard' } = stored
      return { result: { key, etag, version, uploaded, size: String(size), storage_class: storageClass } }
    })
    .on(`DELETE ${object}`, async (call) => {
      const key = call.param('key+')
      await deleteObject(cloud, bucketOf(call).name, key)
      return { result: { key } }
    })
}

const statusOf = (status: number, { size, range }: StoredObject) =>
  status === 200 && range?.length !== undefined && range.length < size ? 206 : status

function objectHeaders({ etag, uploaded, size, range, httpMetadata = {} }: StoredObject) {
  const stored = Object.entries(httpFields).flatMap(([name, field]) => {
    const value = httpMetadata[field]
    return value === undefined ? [] : [[name, value] as const]
  })
  const { offset = 0, length = size } = range ?? {}
  const part = length < size ? { 'content-range': `bytes ${offset}-${offset + length - 1}/${size}` } : {}
  return {
    'content-type': 'application/octet-stream',
    ...Object.fromEntries(stored),
    ...part,
    etag: `"${etag}"`,
    'last-modified': new Date(uploaded).toUTCString(),
  }
}

const objectView = (found: StoredObject) => ({
  key: found.key,
  etag: found.etag,
  size: found.size,
  last_modified: found.uploaded,
  http_metadata: found.httpMetadata ?? {},
  custom_metadata: found.customMetadata ?? {},
  storage_class: found.storageClass ?? 'Standard',
})
