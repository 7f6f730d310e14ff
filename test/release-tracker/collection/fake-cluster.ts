import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * A cluster as its API shows it: objects with UIDs, owners, generations and hashes, moved by applying, scaling and
 * deleting workloads, and by letting the controllers make pods and the pods become ready. It speaks the list
 * endpoints, with pages that belong to one version of the store.
 */

// biome-ignore lint/suspicious/noExplicitAny: objects of every kind
export type Json = Record<string, any>

export type Kind = 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'ReplicaSet' | 'CronJob' | 'Job'

const plurals: Record<string, { path: string; kind: string; group: string }> = {
  namespaces: { path: '/api/v1', kind: 'Namespace', group: 'v1' },
  nodes: { path: '/api/v1', kind: 'Node', group: 'v1' },
  pods: { path: '/api/v1', kind: 'Pod', group: 'v1' },
  replicationcontrollers: { path: '/api/v1', kind: 'ReplicationController', group: 'v1' },
  deployments: { path: '/apis/apps/v1', kind: 'Deployment', group: 'apps/v1' },
  statefulsets: { path: '/apis/apps/v1', kind: 'StatefulSet', group: 'apps/v1' },
  daemonsets: { path: '/apis/apps/v1', kind: 'DaemonSet', group: 'apps/v1' },
  replicasets: { path: '/apis/apps/v1', kind: 'ReplicaSet', group: 'apps/v1' },
  controllerrevisions: { path: '/apis/apps/v1', kind: 'ControllerRevision', group: 'apps/v1' },
  cronjobs: { path: '/apis/batch/v1', kind: 'CronJob', group: 'batch/v1' },
  jobs: { path: '/apis/batch/v1', kind: 'Job', group: 'batch/v1' },
}
const apiVersionOf = (kind: string) =>
  Object.values(plurals).find((each) => each.kind === kind)?.group ?? 'v1'

/** Where an image's content comes from: the tag's digest now, and on nodes of another architecture another one. */
export const digestFor = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

interface Container {
  name: string
  image: string
}
export interface Spec {
  replicas?: number
  containers?: Container[]
  initContainers?: (Container & { restartPolicy?: string })[]
  labels?: Record<string, string>
}

export interface Rule {
  /** The path must contain this. */
  path: string
  answer: 'unauthorized' | 'forbidden' | 'gone' | 'slow' | 'broken' | 'html'
  times?: number
}

export type FakeCluster = Awaited<ReturnType<typeof startFakeCluster>>

export async function startFakeCluster() {
  const objects = new Map<string, Json>()
  const requests: string[] = []
  const rules: Rule[] = []
  const digests = new Map<string, string>()
  let version = 1000
  let clock = Date.parse('2026-01-01T00:00:00Z')
  let token = 'a-token-of-the-fake-cluster'
  const snapshots = new Map<string, { items: Json[]; version: number }>()

  const stamp = () => {
    clock += 1000
    return new Date(clock).toISOString().replace('.000', '')
  }
  const keyOf = (kind: string, namespace: string, name: string) => `${kind}/${namespace}/${name}`

  function save(object: Json): Json {
    object.metadata.resourceVersion = String(++version)
    objects.set(keyOf(object.kind, object.metadata.namespace ?? '', object.metadata.name), object)
    return object
  }

  function make(
    kind: string,
    namespace: string | undefined,
    about: { name: string; owner?: Json | undefined; labels?: Json; apiVersion?: string },
  ): Json {
    const { name, owner, labels } = about
    return {
      apiVersion: about.apiVersion ?? apiVersionOf(kind),
      kind,
      metadata: {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        uid: randomUUID(),
        generation: 1,
        creationTimestamp: stamp(),
        labels: labels ?? {},
        annotations: {},
        ...(owner && {
          ownerReferences: [
            {
              apiVersion: owner.apiVersion,
              kind: owner.kind,
              name: owner.metadata.name,
              uid: owner.metadata.uid,
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
        }),
      },
      spec: {},
      status: {},
    }
  }

  const find = (kind: string, namespace: string, name: string) => objects.get(keyOf(kind, namespace, name))
  const all = (kind: string, namespace?: string) =>
    [...objects.values()].filter(
      (each) => each.kind === kind && (namespace === undefined || each.metadata.namespace === namespace),
    )
  const ownedBy = (kind: string, owner: Json) =>
    all(kind, owner.metadata.namespace).filter((each) =>
      (each.metadata.ownerReferences ?? []).some((ref: Json) => ref.uid === owner.metadata.uid),
    )
  const hashOf = (template: Json) =>
    createHash('sha1').update(JSON.stringify(template.spec)).digest('hex').slice(0, 9)

  function templateOf(name: string, spec: Spec): Json {
    return {
      metadata: { labels: spec.labels ?? { app: name } },
      spec: {
        ...(spec.initContainers ? { initContainers: spec.initContainers } : {}),
        containers: spec.containers ?? [{ name: 'app', image: 'registry.example.org/app:1' }],
      },
    }
  }

  function makePod(owner: Json, hash: Json, template: Json): Json {
    const suffix = randomUUID().slice(0, 5)
    const pod = make('Pod', owner.metadata.namespace, {
      name: `${owner.metadata.name}-${suffix}`,
      owner,
      labels: { ...template.metadata.labels, ...hash },
    })
    pod.spec = structuredClone(template.spec)
    start(pod)
    return save(pod)
  }

  /** Scheduled, nothing pulled yet. */
  function start(pod: Json): void {
    pod.status = {
      phase: 'Pending',
      conditions: [{ type: 'Ready', status: 'False' }],
      ...statuses(pod, () => ({
        ready: false,
        imageID: '',
        state: { waiting: { reason: 'ContainerCreating' } },
      })),
    }
  }

  function statuses(pod: Json, of: (container: Json) => Json): Json {
    const list = (containers: Json[] = []) =>
      containers.map((each) => ({
        name: each.name,
        image: each.image,
        restartCount: 0,
        lastState: {},
        ...of(each),
      }))
    const init = pod.spec.initContainers ? { initContainerStatuses: list(pod.spec.initContainers) } : {}
    return { ...init, containerStatuses: list(pod.spec.containers) }
  }

  const digestOf = (image: string) => {
    const pinned = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1]
    return pinned ?? digests.get(image) ?? digestFor(image)
  }
  const imageIdOf = (image: string, arch = '') => {
    const repository = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '')
    return `${repository}@${arch === '' ? digestOf(image) : digestFor(`${digestOf(image)}/${arch}`)}`
  }

  /** Nodes of one architecture are one node here. */
  function runOn(pod: Json, arch: string): void {
    pod.spec.nodeName = `node-${arch}`
    if (find('Node', '', pod.spec.nodeName) !== undefined) return
    const node = make('Node', undefined, { name: pod.spec.nodeName })
    const info = ['bootID', 'kernelVersion', 'kubeProxyVersion', 'kubeletVersion', 'machineID', 'osImage']
    node.status.nodeInfo = {
      ...Object.fromEntries([...info, 'systemUUID', 'containerRuntimeVersion'].map((name) => [name, 'x'])),
      architecture: arch,
      operatingSystem: 'linux',
    }
    save(node)
  }

  function becomeReady(pod: Json, arch = ''): void {
    runOn(pod, arch || 'amd64')
    const isInit = (name: string) =>
      (pod.spec.initContainers ?? []).some((each: Json) => each.name === name && !each.restartPolicy)
    pod.status = {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      ...statuses(pod, (each) => ({
        ready: true,
        imageID: imageIdOf(each.image, arch),
        state: isInit(each.name)
          ? { terminated: { exitCode: 0, reason: 'Completed' } }
          : { running: { startedAt: stamp() } },
      })),
    }
    save(pod)
  }

  function fail(pod: Json, reason: string): void {
    const pulled = !/Image/.test(reason)
    pod.status = {
      phase: pulled ? 'Running' : 'Pending',
      conditions: [{ type: 'Ready', status: 'False' }],
      ...statuses(pod, (each) => ({
        ready: false,
        imageID: pulled ? imageIdOf(each.image) : '',
        restartCount: 3,
        state: { waiting: { reason, message: 'it does not come up' } },
      })),
    }
    save(pod)
  }

  const removeTree = (object: Json): void => {
    for (const each of [...objects.values()]) {
      if ((each.metadata.ownerReferences ?? []).some((ref: Json) => ref.uid === object.metadata.uid))
        removeTree(each)
    }
    objects.delete(keyOf(object.kind, object.metadata.namespace ?? '', object.metadata.name))
    version++
  }

  /** The ReplicaSet of a Deployment's template: an old one comes back with a new revision. */
  function replicaSetOf(deployment: Json): Json {
    const sets = ownedBy('ReplicaSet', deployment)
    const revision =
      Math.max(
        0,
        ...sets.map((set) => Number(set.metadata.annotations['deployment.kubernetes.io/revision'])),
      ) + 1
    const hash = hashOf(deployment.spec.template)
    let set = sets.find((each) => each.metadata.labels['pod-template-hash'] === hash)
    if (set === undefined) {
      set = make('ReplicaSet', deployment.metadata.namespace, {
        name: `${deployment.metadata.name}-${hash}`,
        owner: deployment,
        labels: { ...deployment.spec.template.metadata.labels, 'pod-template-hash': hash },
      })
      set.spec = {
        replicas: 0,
        selector: { matchLabels: set.metadata.labels },
        template: structuredClone(deployment.spec.template),
      }
      set.status = { replicas: 0 }
    } else if (Number(set.metadata.annotations['deployment.kubernetes.io/revision']) === revision - 1)
      return set
    set.metadata.annotations['deployment.kubernetes.io/revision'] = String(revision)
    return save(set)
  }

  function scaleSet(set: Json, replicas: number): void {
    set.spec.replicas = replicas
    set.status.replicas = replicas
    const pods = ownedBy('Pod', set)
    for (const pod of pods.slice(replicas)) removeTree(pod)
    const hash = { 'pod-template-hash': set.metadata.labels['pod-template-hash'] }
    for (let n = pods.length; n < replicas; n++) makePod(set, hash, set.spec.template)
    save(set)
  }

  const currentSet = (deployment: Json) => replicaSetOf(deployment)
  const podsOf = (workload: Json): Json[] =>
    workload.kind === 'Deployment' || workload.kind === 'CronJob'
      ? ownedBy(workload.kind === 'CronJob' ? 'Job' : 'ReplicaSet', workload).flatMap((each) =>
          ownedBy('Pod', each),
        )
      : ownedBy('Pod', workload)

  const server = createServer((req, res) => {
    void answer(req, res)
  })

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', 'http://cluster')
    requests.push(`${req.method} ${url.pathname}${url.search}`)
    const send = (status: number, body: unknown) => {
      res.writeHead(status, { 'Content-Type': 'application/json' })
      res.end(JSON.stringify(body))
    }
    const refuse = (code: number, reason: string, message: string) =>
      send(code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, message, code })
    const rule = rules.find((each) => url.pathname.includes(each.path) && (each.times ?? 1) > 0)
    if (rule?.times !== undefined) rule.times--
    const known = fake.open || req.headers.authorization === `Bearer ${token}`
    if (!known || rule?.answer === 'unauthorized') return refuse(401, 'Unauthorized', 'Unauthorized')
    if (rule?.answer === 'forbidden') return refuse(403, 'Forbidden', 'may not list')
    if (rule?.answer === 'gone') return refuse(410, 'Expired', 'The provided continue parameter is too old')
    if (rule?.answer === 'broken') return refuse(500, 'InternalError', 'etcd is away')
    if (rule?.answer === 'html') {
      res.writeHead(200, { 'Content-Type': 'text/html' })
      res.end('<html>a captive portal</html>')
      return
    }
    if (rule?.answer === 'slow') await new Promise((resolve) => setTimeout(resolve, 300))
    const discovered = discovery(url.pathname)
    if (discovered !== undefined) return send(200, discovered)
    if (req.method !== 'GET') return refuse(405, 'MethodNotAllowed', 'this cluster is only read')
    const [, group = '', namespace, plural = ''] =
      /^(\/api\/v1|\/apis\/apps\/v1|\/apis\/batch\/v1)(?:\/namespaces\/([^/]+))?\/([a-z]+)$/.exec(
        url.pathname,
      ) ?? []
    const type = plurals[plural]
    if (type === undefined || type.path !== group)
      return refuse(404, 'NotFound', 'the server could not find the requested resource')
    const listed = page(url, () => all(type.kind, namespace))
    if (listed === undefined) return refuse(410, 'Expired', 'The provided continue parameter is too old')
    send(200, { kind: `${type.kind}List`, apiVersion: type.group, ...listed })
  }

  /** A continuation goes on in the version of the store that its first page was of. */
  function page(url: URL, read: () => Json[]) {
    const limit = Number(url.searchParams.get('limit') ?? 0)
    const [id = '', from = '0'] = (url.searchParams.get('continue') ?? '').split('.')
    const fresh = () => ({ items: structuredClone(read()).toSorted(byKey), version })
    const snapshot = id === '' ? fresh() : snapshots.get(id)
    if (snapshot === undefined) return undefined
    const items = limit === 0 ? snapshot.items : snapshot.items.slice(Number(from), Number(from) + limit)
    const rest = snapshot.items.length - Number(from) - items.length
    const next = id === '' ? randomUUID() : id
    if (rest > 0) snapshots.set(next, snapshot)
    return {
      metadata: {
        resourceVersion: String(snapshot.version),
        ...(rest > 0 ? { continue: `${next}.${Number(from) + limit}`, remainingItemCount: rest } : {}),
      },
      items,
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  const fake = {
    url: `http://127.0.0.1:${port}`,
    /** Lets anybody in: kubectl shows no token without TLS. */
    open: false,
    requests,
    rules,
    find,
    all,
    get token() {
      return token
    },
    set token(value: string) {
      token = value
    },
    /** From now on a tag means this content. */
    setDigest: (image: string, content: string) => void digests.set(image, digestFor(content)),
    digestOf,
    addNamespace: (name: string) => save(make('Namespace', undefined, { name })),
    deleteNamespace(name: string) {
      for (const each of [...objects.values()]) if (each.metadata.namespace === name) removeTree(each)
      objects.delete(keyOf('Namespace', '', name))
    },
    /** `kubectl apply`: makes a workload or changes its template. Pods begin; nothing is ready yet. */
    apply(kind: Kind, namespace: string, name: string, spec: Spec = {}): Json {
      const before = find(kind, namespace, name)
      const workload = before ?? make(kind, namespace, { name })
      const template = templateOf(name, spec)
      if (before !== undefined) workload.metadata.generation++
      const replicas = spec.replicas ?? workload.spec.replicas ?? 1
      if (kind === 'CronJob') {
        workload.spec = { schedule: '0 * * * *', jobTemplate: { spec: { template } } }
        return save(workload)
      }
      workload.spec = {
        ...(kind === 'Job' ? {} : { replicas }),
        selector: { matchLabels: template.metadata.labels },
        template,
      }
      if (kind === 'Deployment') {
        save(workload)
        const set = currentSet(workload)
        const old = ownedBy('ReplicaSet', workload).filter((each) => each !== set)
        // The first of the new ones comes before any of the old ones goes.
        scaleSet(set, old.some((each) => each.spec.replicas > 0) ? Math.min(1, replicas) : replicas)
        return save(workload)
      }
      const hash = hashOf(template)
      if (kind === 'StatefulSet') workload.spec.serviceName = name
      if (kind === 'StatefulSet')
        workload.status = { replicas, updateRevision: `${name}-${hash}`, currentRevision: `${name}-${hash}` }
      if (kind === 'DaemonSet') {
        delete workload.spec.replicas
        workload.status = {
          desiredNumberScheduled: replicas,
          currentNumberScheduled: replicas,
          observedGeneration: workload.metadata.generation,
          numberMisscheduled: 0,
          numberReady: 0,
        }
      }
      save(workload)
      const labels =
        kind === 'ReplicaSet' || kind === 'Job' ? {} : { 'controller-revision-hash': `${name}-${hash}` }
      const pods = ownedBy('Pod', workload)
      if (pods.length === 0) for (let n = 0; n < replicas; n++) makePod(workload, labels, template)
      else if (kind !== 'ReplicaSet') {
        // One by one, the last first.
        removeTree(pods.at(-1) as Json)
        makePod(workload, labels, template)
      }
      return workload
    },
    /** Lets everything that can start become ready; a Deployment's rollout goes on to its end. */
    settle(namespace: string): void {
      for (const deployment of all('Deployment', namespace)) {
        const set = currentSet(deployment)
        for (const old of ownedBy('ReplicaSet', deployment)) if (old !== set) scaleSet(old, 0)
        scaleSet(set, deployment.spec.replicas)
      }
      for (const kind of ['StatefulSet', 'DaemonSet'] as const) {
        for (const workload of all(kind, namespace)) {
          const hash = `${workload.metadata.name}-${hashOf(workload.spec.template)}`
          const wanted =
            kind === 'DaemonSet' ? workload.status.desiredNumberScheduled : workload.spec.replicas
          for (const pod of ownedBy('Pod', workload)) {
            if (pod.metadata.labels['controller-revision-hash'] !== hash) removeTree(pod)
          }
          for (let n = ownedBy('Pod', workload).length; n < wanted; n++)
            makePod(workload, { 'controller-revision-hash': hash }, workload.spec.template)
        }
      }
      for (const pod of all('Pod', namespace)) if (pod.status.phase === 'Pending') becomeReady(pod)
    },
    /** Pods that a workload made, newest last. */
    pods: (kind: Kind, namespace: string, name: string) => podsOf(find(kind, namespace, name) as Json),
    /** Pods of the revision that a Deployment asks for. */
    newPods: (namespace: string, name: string) =>
      ownedBy('Pod', currentSet(find('Deployment', namespace, name) as Json)),
    becomeReady,
    fail,
    restart: start,
    scale(kind: Kind, namespace: string, name: string, replicas: number) {
      const workload = find(kind, namespace, name) as Json
      workload.spec.replicas = replicas
      workload.metadata.generation++
      save(workload)
      if (kind === 'Deployment') scaleSet(currentSet(workload), replicas)
      else for (const pod of ownedBy('Pod', workload).slice(replicas)) removeTree(pod)
    },
    delete(kind: string, namespace: string, name: string) {
      removeTree(find(kind, namespace, name) as Json)
    },
    /** A run of a CronJob. */
    runCronJob(namespace: string, name: string): Json {
      const cron = find('CronJob', namespace, name) as Json
      const job = make('Job', namespace, { name: `${name}-${randomUUID().slice(0, 8)}`, owner: cron })
      job.spec = { template: structuredClone(cron.spec.jobTemplate.spec.template) }
      save(job)
      return makePod(job, {}, job.spec.template)
    },
    succeed(pod: Json) {
      becomeReady(pod)
      pod.status.phase = 'Succeeded'
      pod.status.conditions = [{ type: 'Ready', status: 'False' }]
      save(pod)
    },
    barePod(namespace: string, name: string, spec: Spec = {}): Json {
      const pod = make('Pod', namespace, { name, labels: spec.labels ?? {} })
      pod.spec = templateOf(name, spec).spec
      start(pod)
      return save(pod)
    },
    save,
    make,
    makePod,
    kubeconfig: () => ({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'fake', cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: 'fake', user: { token } }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
      'current-context': 'fake',
    }),
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return fake
}

const byKey = (a: Json, b: Json) =>
  `${a.metadata.namespace}/${a.metadata.name}` < `${b.metadata.namespace}/${b.metadata.name}` ? -1 : 1

/** What a client asks before it knows which lists there are. */
function discovery(path: string): Json | undefined {
  const resources = (group: string) => ({
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group,
    resources: Object.entries(plurals)
      .filter(([, each]) => each.group === group)
      .map(([name, { kind }]) => ({
        name,
        singularName: kind.toLowerCase(),
        namespaced: kind !== 'Namespace' && kind !== 'Node',
        kind,
        verbs: ['get', 'list'],
      })),
  })
  const groupOf = (name: string) => ({
    name,
    versions: [{ groupVersion: `${name}/v1`, version: 'v1' }],
    preferredVersion: { groupVersion: `${name}/v1`, version: 'v1' },
  })
  switch (path) {
    case '/api':
      return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
    case '/apis':
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: [groupOf('apps'), groupOf('batch')] }
    case '/api/v1':
      return resources('v1')
    case '/apis/apps/v1':
      return resources('apps/v1')
    case '/apis/batch/v1':
      return resources('batch/v1')
    default:
      return undefined
  }
}
