import type { IncomingMessage } from 'node:http'
import { json, text } from 'node:stream/consumers'
import type { CloudContext } from '../../context.ts'
import { ApiError } from '../../errors.ts'
import {
  bulkBody,
  bulkGetBody,
  bulkKeys,
  callNamespace,
  changeKeys,
  deleteNamespace,
  getValue,
  listKeys,
  requireFreeTitle,
  requireNamespace,
  titleBody,
} from '../../resources/kv.ts'
import type { KvNamespace } from '../../store/resources.ts'
import { readBytes, readJson, readMultipart } from '../body.ts'
import { paged } from '../envelope.ts'
import type { Call, Router } from '../router.ts'

const all = '/accounts/{account}/storage/kv/namespaces'
const one = `${all}/{namespace}`
const maxBulkBytes = 100 * 1024 * 1024
const maxValueBytes = 25 * 1024 * 1024

const view = ({ id, title }: KvNamespace) => ({ id, title, supports_url_encoding: true })

/** The routes of KV namespaces, their keys and values. */
export function kvRoutes(router: Router, cloud: CloudContext): void {
  const { resources } = cloud.store
  const idOf = (call: Call) => requireNamespace(cloud, call.param('namespace')).id
  router
    .on(`GET ${all}`, ({ query }) => {
      const order = query.get('order') === 'id' ? 'id' : 'title'
      const sign = query.get('direction') === 'desc' ? -1 : 1
      const sorted = resources.namespaces().toSorted((a, b) => (a[order] < b[order] ? -sign : sign))
      const { items, info } = paged(sorted, query)
      return { result: items.map(view), resultInfo: info }
    })
    .on(`POST ${all}`, async ({ req }) => {
      const title = requireFreeTitle(cloud, (await readJson(req, titleBody)).title)
      return { result: view(resources.createNamespace(title, new Date().toISOString())) }
    })
    .on(`GET ${one}`, (call) => ({ result: view(requireNamespace(cloud, call.param('namespace'))) }))
    .on(`PUT ${one}`, async (call) => {
      const { title } = await readJson(call.req, titleBody)
      const id = idOf(call)
      resources.renameNamespace(id, requireFreeTitle(cloud, title, id))
      return { result: view(requireNamespace(cloud, id)) }
    })
    .on(`DELETE ${one}`, async (call) => {
      await deleteNamespace(cloud, call.param('namespace'))
      return { result: {} }
    })
    .on(`GET ${one}/keys`, async (call) => {
      const { keys, cursor } = await listKeys(cloud, idOf(call), call.query)
      return { result: keys, resultInfo: { count: keys.length, cursor } }
    })
  valueRoutes(router, cloud, idOf)
  bulkRoutes(router, cloud, idOf)
}

function valueRoutes(router: Router, cloud: CloudContext, idOf: (call: Call) => string): void {
  const value = `${one}/values/{key}`
  router
    .on(`GET ${value}`, async (call) => {
      const found = await getValue(cloud, idOf(call), call.param('key'))
      if (found === undefined) throw new ApiError('keyNotFound')
      const expires = found.expiration === undefined ? {} : { expiration: found.expiration }
      const headers = { 'content-type': 'application/octet-stream', ...expires }
      return { raw: found.body, headers, status: 200 }
    })
    .on(`PUT ${value}`, async (call) => {
      const { body, metadata } = await readValue(call.req)
      const { query } = call
      const [expiration, ttl] = [
        query.get('expiration') ?? undefined,
        query.get('expiration_ttl') ?? undefined,
      ]
      const sent = { key: call.param('key'), expiration, ttl, metadata }
      const id = idOf(call)
      const answer = await callNamespace(cloud, id, { method: 'PUT', query: sent, body })
      await text(answer.body)
      return { result: {} }
    })
    .on(`DELETE ${value}`, async (call) => {
      const answer = await callNamespace(cloud, idOf(call), {
        method: 'DELETE',
        query: { key: call.param('key') },
      })
      await text(answer.body)
      return { result: {} }
    })
    .on(`GET ${one}/metadata/{key}`, async (call) => {
      const found = await getValue(cloud, idOf(call), call.param('key'))
      if (found === undefined) throw new ApiError('keyNotFound')
      found.body.resume()
      return { result: found.metadata ?? null }
    })
}

function bulkRoutes(router: Router, cloud: CloudContext, idOf: (call: Call) => string): void {
  const done = (count: number) => ({ result: { successful_key_count: count, unsuccessful_keys: [] } })
  const remove = async (call: Call) => {
    const id = idOf(call)
    const keys = await readJson(call.req, bulkKeys, maxBulkBytes)
    await changeKeys(cloud, id, { remove: keys })
    return done(keys.length)
  }
  router
    .on(`PUT ${one}/bulk`, async (call) => {
      const id = idOf(call)
      const entries = await readJson(call.req, bulkBody, maxBulkBytes)
      await changeKeys(cloud, id, { put: entries })
      return done(entries.length)
    })
    .on(`DELETE ${one}/bulk`, remove)
    .on(`POST ${one}/bulk/delete`, remove)
    .on(`POST ${one}/bulk/get`, async (call) => {
      const id = idOf(call)
      const { keys, type, withMetadata = false } = await readJson(call.req, bulkGetBody)
      const values: Record<string, unknown> = {}
      for (const key of keys) {
        const found = await getValue(cloud, id, key)
        const read = found && (type === 'json' ? await json(found.body) : await text(found.body))
        const { metadata = null, expiration } = found ?? {}
        const expires = expiration === undefined ? {} : { expiration }
        values[key] = found && withMetadata ? { value: read, metadata, ...expires } : (read ?? null)
      }
      return { result: { values } }
    })
}

/** The value of a request, raw or as a part of a form with metadata. @throws ApiError 10026 or 10027 */
async function readValue(req: IncomingMessage): Promise<{ body: Buffer; metadata: string | undefined }> {
  if (req.headers['content-type']?.startsWith('multipart/form-data') !== true)
    return { body: await readBytes(req, maxValueBytes), metadata: undefined }
  const form = await readMultipart(req, maxValueBytes + 1024 * 1024)
  const [value, metadata] = [form.get('value'), form.get('metadata')]
  if (value === null) throw new ApiError('invalidBody', 'The part named value is missing.')
  const body = typeof value === 'string' ? Buffer.from(value) : Buffer.from(await value.arrayBuffer())
  const given =
    metadata === null ? undefined : typeof metadata === 'string' ? metadata : await metadata.text()
  return { body, metadata: given === undefined ? undefined : checkJson(given) }
}

function checkJson(given: string): string {
  try {
    JSON.parse(given)
    return given
  } catch {
    throw new ApiError('invalidBody', 'The part named metadata is not valid JSON.')
  }
}
