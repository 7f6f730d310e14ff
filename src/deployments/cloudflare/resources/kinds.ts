import { z } from 'zod'
import type { ProvisionedType } from '../../model/request/bindings.ts'
import type { NamedResource } from '../../model/request/resources.ts'
import { CloudError } from '../errors.ts'
import type { CloudHttp } from '../http.ts'
import type { GivenResource } from './types.ts'

/** How resources of one type are found and created. */
export interface ResourceKind {
  find(resource: NamedResource, signal: AbortSignal): Promise<string | undefined>
  exists(resource: GivenResource, signal: AbortSignal): Promise<boolean>
  create(resource: NamedResource, signal: AbortSignal): Promise<string>
}

// Codes of "not found" per kind of resource.
const absentCodes = new Set([10006, 11000, 7404, 100119])
/** Means "namespace not found" with 404, and a fault of the cloud otherwise. */
const absentNamespaceCode = 10013

const isAbsent = ({ code, status }: CloudError) =>
  absentCodes.has(code) || (code === absentNamespaceCode && status === 404)

const pageSize = 100
const maxPages = 100

/** @param account the path of the account */
export function createKinds(http: CloudHttp, account: string): Record<ProvisionedType, ResourceKind> {
  const segment = encodeURIComponent
  const isPresent = async (path: string, signal: AbortSignal, headers = {}) => {
    try {
      await http.read(z.unknown(), { path, signal, headers })
      return true
    } catch (error) {
      if (error instanceof CloudError && isAbsent(error)) return false
      throw error
    }
  }
  const create = <S extends z.ZodType>(
    result: S,
    call: { path: string; json: unknown; headers?: Record<string, string> },
    signal: AbortSignal,
  ) => http.write(result, { method: 'POST', ...call, signal })

  const kv = `${account}/storage/kv/namespaces`
  const r2 = `${account}/r2/buckets`
  const d1 = `${account}/d1/database`
  const queues = `${account}/queues`
  const dispatch = `${account}/workers/dispatch/namespaces`

  /** Finds an entry in a list of pages. */
  async function search<T>(
    entry: z.ZodType<T>,
    { path, signal, matches }: { path: string; signal: AbortSignal; matches(each: T): boolean },
  ): Promise<T | undefined> {
    for (let page = 1; page <= maxPages; page++) {
      const list = await http.read(z.array(entry), {
        path: `${path}&page=${page}&per_page=${pageSize}`,
        signal,
      })
      const found = list.find(matches)
      if (found !== undefined || list.length < pageSize) return found
    }
    return undefined
  }

  const namespace = z.object({ id: z.string(), title: z.string() })
  const database = z.object({ uuid: z.string(), name: z.string() })
  const queue = z.object({ queue_name: z.string() })
  const queueNamed = (name: string, signal: AbortSignal) => {
    const matches = (each: { queue_name: string }) => each.queue_name === name
    return search(queue, { path: `${queues}?name=${segment(name)}`, signal, matches })
  }
  return {
    kv_namespace: {
      async find({ name }, signal) {
        const matches = ({ title }: z.output<typeof namespace>) => title === name
        return (await search(namespace, { path: `${kv}?order=title`, signal, matches }))?.id
      },
      exists: ({ id }, signal) => isPresent(`${kv}/${segment(id)}`, signal),
      create: async ({ name }, signal) =>
        (await create(z.object({ id: z.string() }), { path: kv, json: { title: name } }, signal)).id,
    },
    d1: {
      async find({ name }, signal) {
        const path = `${d1}?name=${segment(name)}`
        const matches = (each: z.output<typeof database>) => each.name === name
        return (await search(database, { path, signal, matches }))?.uuid
      },
      exists: ({ id }, signal) => isPresent(`${d1}/${segment(id)}`, signal),
      create: async ({ name }, signal) =>
        (await create(z.object({ uuid: z.string() }), { path: d1, json: { name } }, signal)).uuid,
    },
    r2_bucket: {
      find: async (bucket, signal) =>
        (await isPresent(`${r2}/${segment(bucket.name)}`, signal, inJurisdiction(bucket)))
          ? bucket.name
          : undefined,
      exists: (bucket, signal) => isPresent(`${r2}/${segment(bucket.id)}`, signal, inJurisdiction(bucket)),
      async create(bucket, signal) {
        const { name } = bucket
        await create(z.unknown(), { path: r2, json: { name }, headers: inJurisdiction(bucket) }, signal)
        return name
      },
    },
    queue: {
      find: async ({ name }, signal) => (await queueNamed(name, signal))?.queue_name,
      exists: async ({ id }, signal) => (await queueNamed(id, signal)) !== undefined,
      async create({ name }, signal) {
        await create(z.unknown(), { path: queues, json: { queue_name: name } }, signal)
        return name
      },
    },
    dispatch_namespace: {
      find: async ({ name }, signal) =>
        (await isPresent(`${dispatch}/${segment(name)}`, signal)) ? name : undefined,
      exists: ({ id }, signal) => isPresent(`${dispatch}/${segment(id)}`, signal),
      async create({ name }, signal) {
        await create(z.unknown(), { path: dispatch, json: { name } }, signal)
        return name
      },
    },
  }
}

const inJurisdiction = ({ jurisdiction }: { jurisdiction?: string }): Record<string, string> =>
  jurisdiction === undefined ? {} : { 'cf-r2-jurisdiction': jurisdiction }
