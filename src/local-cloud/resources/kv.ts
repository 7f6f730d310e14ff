import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { KvNamespace } from '../store/resources.ts'
import { type BridgeCall, callBridge, textOf } from './bridge-call.ts'
import { deleteStore } from './delete-store.ts'

export const titleBody = z.looseObject({ title: z.string().max(512).optional() })

const expiring = { expiration: z.number().optional(), expiration_ttl: z.number().optional() }
const maxBulk = 10_000
export const bulkBody = z
  .array(
    z.strictObject({
      key: z.string(),
      value: z.string(),
      base64: z.boolean().nullish(),
      metadata: z.json().optional(),
      ...expiring,
    }),
  )
  .max(maxBulk)
export const bulkKeys = z.array(z.string()).max(maxBulk)
export const bulkGetBody = z.strictObject({
  keys: z.array(z.string()).max(100),
  type: z.enum(['text', 'json']).optional(),
  withMetadata: z.boolean().optional(),
})
type Entry = z.infer<typeof bulkBody>[number]

/** @throws ApiError 10013 */
export function requireNamespace({ store }: CloudContext, id: string): KvNamespace {
  const found = store.resources.namespace(id)
  if (found === undefined) throw new ApiError('namespaceNotFound')
  return found
}

/** Requires a title that no other namespace has. @throws ApiError 10014 or 10019 */
export function requireFreeTitle({ store }: CloudContext, title = '', except?: string): string {
  if (title.trim() === '') throw new ApiError('titleRequired')
  const taken = store.resources.namespaces().some((one) => one.title === title && one.id !== except)
  if (taken) throw new ApiError('namespaceExists')
  return title
}

/** Deletes a namespace with its keys. @throws ApiError 10013 */
export async function deleteNamespace(cloud: CloudContext, id: string): Promise<void> {
  requireNamespace(cloud, id)
  await deleteStore(cloud, { kind: 'kv', id }, () => cloud.store.resources.deleteNamespace(id))
}

/** Calls the bridge. @throws ApiError 10033 with the error of the namespace, for example an invalid key */
export async function callNamespace(cloud: CloudContext, id: string, call: BridgeCall) {
  const answer = await callBridge(cloud, `kv:${id}`, call)
  if (answer.status !== 500) return answer
  throw new ApiError('invalidEntry', (await textOf(answer)).text)
}

const listed = z.object({
  keys: z.array(
    z.object({ name: z.string(), expiration: z.number().optional(), metadata: z.unknown().optional() }),
  ),
  cursor: z.string().optional(),
})

/** One page of the keys of a namespace. @throws ApiError */
export async function listKeys(cloud: CloudContext, id: string, query: URLSearchParams) {
  const limit = query.get('limit') ?? '1000'
  const asked = { limit, prefix: query.get('prefix') ?? undefined, cursor: query.get('cursor') || undefined }
  const answer = await callNamespace(cloud, id, { operation: 'LIST', query: asked })
  const { keys, cursor = '' } = listed.parse(JSON.parse((await textOf(answer)).text))
  return { keys, cursor }
}

/** Writes and deletes several keys. @throws ApiError 10029 for an empty list, 10033 for an invalid entry */
export async function changeKeys(
  cloud: CloudContext,
  id: string,
  { put = [], remove = [] }: { put?: Entry[]; remove?: string[] },
): Promise<void> {
  if (put.length + remove.length === 0) throw new ApiError('emptyBulk')
  const entries = put.map(({ expiration_ttl: expirationTtl, ...entry }) => ({ ...entry, expirationTtl }))
  const body = JSON.stringify({ put: entries, remove })
  await textOf(await callNamespace(cloud, id, { operation: 'BULK', body }))
}

const about = z.object({ metadata: z.unknown(), expiration: z.number().optional() })

/** A value with its metadata; undefined if the key does not exist. @throws ApiError 10033 for an invalid key */
export async function getValue(cloud: CloudContext, id: string, key: string) {
  const answer = await callNamespace(cloud, id, { query: { key } })
  if (answer.status !== 404) return { body: answer.body, ...about.parse(answer.about) }
  answer.body.resume()
  return undefined
}
