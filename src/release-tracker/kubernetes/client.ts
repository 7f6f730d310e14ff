import { type Cluster, ClusterFault } from './cluster.ts'
import {
  type ClusterSource,
  type CredentialReader,
  type CredentialSource,
  type Credentials,
  createCredentialSource,
  readCredentials,
} from './credentials.ts'
import type { ControllerRevision, Pod, Workload, WorkloadKind } from './objects.ts'
import { type Json, toNode, toPod, toRevision, toWorkload } from './parse.ts'
import { addPlatforms, needPlatforms } from './platforms.ts'
import { accept, type Connection, connect, Expired, nameOf, request, Withheld } from './request.ts'

/**
 * The lists that are read in each namespace; deploy/kubernetes grants the permissions for them. Without an optional list
 * the reading is less exact.
 */
const workloadLists: { kind: WorkloadKind; path: (namespace: string) => string; optional?: true }[] = [
  { kind: 'Deployment', path: (ns) => `/apis/apps/v1/namespaces/${ns}/deployments` },
  { kind: 'StatefulSet', path: (ns) => `/apis/apps/v1/namespaces/${ns}/statefulsets` },
  { kind: 'DaemonSet', path: (ns) => `/apis/apps/v1/namespaces/${ns}/daemonsets` },
  { kind: 'CronJob', path: (ns) => `/apis/batch/v1/namespaces/${ns}/cronjobs` },
  { kind: 'Job', path: (ns) => `/apis/batch/v1/namespaces/${ns}/jobs` },
  { kind: 'ReplicaSet', path: (ns) => `/apis/apps/v1/namespaces/${ns}/replicasets` },
  {
    kind: 'ReplicationController',
    path: (ns) => `/api/v1/namespaces/${ns}/replicationcontrollers`,
    optional: true,
  },
]

/** Objects per page. A pod takes about 10 kB, and only one page is held in memory unparsed. */
const pageSize = 500

/** @returns a function that opens the cluster, to be called once for each collection */
export function clusterAt(source: ClusterSource, read: CredentialReader = readCredentials): () => Cluster {
  const credentials = createCredentialSource(source, read)
  return () => openCluster(credentials)
}

function openCluster(source: CredentialSource): Cluster {
  const opened: Connection[] = []
  let current: { credentials: Credentials; connection: Connection } | undefined

  async function connected(signal: AbortSignal): Promise<Connection> {
    const credentials = await source.get(signal)
    if (current?.credentials !== credentials) {
      current = { credentials, connection: connect(credentials) }
      opened.push(current.connection)
    }
    return current.connection
  }

  /** A refused credential may have expired during the collection, so it is read again once. */
  async function get(path: string, signal: AbortSignal): Promise<Json> {
    const used = await connected(signal)
    const first = await request(used, path, signal)
    if (first.status !== 401) return accept(first, path)
    if (current?.connection === used) source.forget()
    return accept(await request(await connected(signal), path, signal), path)
  }

  async function list<T>(path: string, signal: AbortSignal, take: (raw: Json) => T): Promise<T[]> {
    for (let left = 3; ; left--) {
      try {
        return await pages(path, signal, take)
      } catch (error) {
        if (!(error instanceof Expired) || left === 0) throw error
      }
    }
  }

  async function pages<T>(path: string, signal: AbortSignal, take: (raw: Json) => T): Promise<T[]> {
    const all: T[] = []
    for (let next = ''; ; ) {
      const query = new URLSearchParams({
        limit: String(pageSize),
        ...(next === '' ? {} : { continue: next }),
      })
      const { items, metadata } = (await get(`${path}?${query}`, signal)) as {
        items?: unknown
        metadata?: { continue?: string }
      }
      if (!Array.isArray(items)) throw new ClusterFault(`${nameOf(path)}: the response is not a list`)
      for (const item of items) all.push(take(item as Json))
      next = metadata?.continue ?? ''
      if (next === '') return all
    }
  }

  const unreadable = new Set<string>()
  async function optional<T>(
    path: string,
    signal: AbortSignal,
    take: (raw: Json) => T,
  ): Promise<T[] | undefined> {
    try {
      return await list(path, signal, take)
    } catch (error) {
      if (!(error instanceof Withheld)) throw error
      unreadable.add(error.message)
      return undefined
    }
  }

  let nodes: Promise<Map<string, string | undefined>> | undefined
  async function readNodes(signal: AbortSignal): Promise<Map<string, string | undefined>> {
    const found = (await optional('/api/v1/nodes', signal, toNode)) ?? []
    return new Map(found.map(({ name, platform }) => [name, platform]))
  }

  return {
    namespaces: (signal) =>
      list('/api/v1/namespaces', signal, (raw) => String((raw.metadata as Json | undefined)?.name ?? '')),
    async read(namespace, signal) {
      const workloads: Workload[] = []
      const readable = new Set<WorkloadKind>()
      for (const { kind, path, optional: isOptional } of workloadLists) {
        const read = isOptional ? optional<Workload> : list<Workload>
        const found = await read(path(namespace), signal, (raw) => toWorkload(kind, raw))
        if (found === undefined) continue
        readable.add(kind)
        workloads.push(...found)
      }
      const path = `/apis/apps/v1/namespaces/${namespace}/controllerrevisions`
      const revisions = (await optional<ControllerRevision>(path, signal, toRevision)) ?? []
      // Pods are read last, so that the owner of each pod is already in its list.
      const pods = await list<Pod>(`/api/v1/namespaces/${namespace}/pods`, signal, toPod)
      if (!needPlatforms(pods)) return { workloads, revisions, pods, readable }
      nodes ??= readNodes(signal)
      return { workloads, revisions, pods: addPlatforms(pods, await nodes), readable }
    },
    withheld: () => [...unreadable],
    async close() {
      for (const { dispatcher } of opened) await dispatcher.destroy()
    },
  }
}
