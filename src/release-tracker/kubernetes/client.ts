import { type Dispatcher, fetch, ProxyAgent } from 'undici'
import { pause } from '../../platform/deadline.ts'
import { createOutgoing } from '../../platform/outgoing.ts'
import { type Cluster, ClusterFault } from './cluster.ts'
import {
  type ClusterSource,
  type CredentialSource,
  type Credentials,
  createCredentialSource,
} from './credentials.ts'
import { type Json, type Pod, toPod, toWorkload, type Workload, type WorkloadKind } from './objects.ts'

/** What is read of a namespace: the permissions that it takes are in deploy/kubernetes. */
const workloadLists: { kind: WorkloadKind; path: (namespace: string) => string }[] = [
  { kind: 'Deployment', path: (ns) => `/apis/apps/v1/namespaces/${ns}/deployments` },
  { kind: 'StatefulSet', path: (ns) => `/apis/apps/v1/namespaces/${ns}/statefulsets` },
  { kind: 'DaemonSet', path: (ns) => `/apis/apps/v1/namespaces/${ns}/daemonsets` },
  { kind: 'CronJob', path: (ns) => `/apis/batch/v1/namespaces/${ns}/cronjobs` },
  { kind: 'Job', path: (ns) => `/apis/batch/v1/namespaces/${ns}/jobs` },
  { kind: 'ReplicaSet', path: (ns) => `/apis/apps/v1/namespaces/${ns}/replicasets` },
]

/** Objects of one page: a pod is about 10 kB, and only a page of them is held whole. */
const pageSize = 500
const callMs = 30_000
const tries = 4

/** A list whose continuation has expired on the server: it has to be read again from its beginning. */
class Expired extends ClusterFault {}

/** @returns a way to open the cluster, once for each collection. */
export function clusterAt(source: ClusterSource): () => Cluster {
  const credentials = createCredentialSource(source)
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

  /** A credential that was refused may have expired while we read: it is looked up again once. */
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
      if (!Array.isArray(items)) throw new ClusterFault(`${nameOf(path)}: the answer is not a list`)
      for (const item of items) all.push(take(item as Json))
      next = metadata?.continue ?? ''
      if (next === '') return all
    }
  }

  return {
    namespaces: (signal) =>
      list('/api/v1/namespaces', signal, (raw) => String((raw.metadata as Json | undefined)?.name ?? '')),
    async read(namespace, signal) {
      const workloads: Workload[] = []
      for (const { kind, path } of workloadLists) {
        workloads.push(...(await list(path(namespace), signal, (raw) => toWorkload(kind, raw))))
      }
      // Last: a pod never precedes what owns it.
      const pods = await list<Pod>(`/api/v1/namespaces/${namespace}/pods`, signal, toPod)
      return { workloads, pods }
    },
    async close() {
      for (const { dispatcher } of opened) await dispatcher.destroy()
    },
  }
}

interface Connection {
  server: string
  headers: Record<string, string>
  dispatcher: Dispatcher
}

/** A kubeconfig's own proxy comes before those of the environment, and NO_PROXY does not count for it: as in kubectl. */
function connect({ server, headers, tls, proxyUrl }: Credentials): Connection {
  const dispatcher =
    proxyUrl === undefined ? createOutgoing({ tls }) : new ProxyAgent({ uri: proxyUrl, requestTls: tls })
  return { server, headers, dispatcher }
}

interface Answer {
  status: number
  body: string
}

/** Repeats what passes by itself: a busy or restarting API server, a broken connection. */
async function request(connection: Connection, path: string, signal: AbortSignal): Promise<Answer> {
  for (let made = 1; ; made++) {
    try {
      const answer = await once(connection, path, signal)
      const busy = answer.status === 429 || answer.status >= 500
      if (!busy || made === tries) return answer
    } catch (error) {
      if (signal.aborted) throw error
      if (made === tries)
        throw new ClusterFault(`${nameOf(path)}: no answer (${reasonOf(error)})`, { cause: error })
    }
    await pause(250 * 2 ** made, signal)
  }
}

async function once(
  { server, headers, dispatcher }: Connection,
  path: string,
  signal: AbortSignal,
): Promise<Answer> {
  const answer = await fetch(server + path, {
    headers: { ...headers, Accept: 'application/json', 'User-Agent': 'capstan' },
    // The credentials are for this server only.
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(callMs)]),
    dispatcher,
  })
  return { status: answer.status, body: await answer.text() }
}

function accept({ status, body }: Answer, path: string): Json {
  const what = nameOf(path)
  if (status === 410) throw new Expired(`${what}: 410, the list changed too fast`)
  if (status === 403) throw new ClusterFault(`${what}: 403, not permitted`)
  if (status === 401) throw new ClusterFault(`${what}: 401, the credentials are refused`)
  if (status !== 200) throw new ClusterFault(`${what}: ${status}`)
  try {
    return JSON.parse(body)
  } catch {
    throw new ClusterFault(`${what}: the answer is not JSON`)
  }
}

const nameOf = (path: string) => path.split('?')[0]?.split('/').at(-1) ?? path

function reasonOf(error: unknown): string {
  const { code, name } = ((error as Error).cause ?? error) as { code?: unknown; name?: string }
  return typeof code === 'string' ? code : (name ?? 'fault')
}
