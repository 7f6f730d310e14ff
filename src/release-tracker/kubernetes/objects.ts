/** The parts of Kubernetes objects that a collection looks at; everything else is dropped page by page. */
export interface Owner {
  kind: string
  uid: string
}

export interface Workload {
  kind: WorkloadKind
  name: string
  uid: string
  /** The controlling owner. */
  owner: Owner | undefined
  /** Replicas asked for; undefined where the kind has none. */
  replicas: number | undefined
  /** Of a ReplicaSet: the number of the Deployment's revision that it is. A rollback raises it. */
  revision: number
  /** Of a StatefulSet: `controller-revision-hash` of the pods that it wants. */
  updateRevision: string | undefined
  /** Kubernetes itself still counts a Deployment's rollout as making progress. */
  movesOn: boolean
  template: TemplateContainer[]
  createdAt: string
}

export const workloadKinds = [
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'CronJob',
  'Job',
] as const
export type WorkloadKind = (typeof workloadKinds)[number]

export interface TemplateContainer {
  name: string
  image: string
}

export interface Pod {
  name: string
  uid: string
  owner: Owner | undefined
  /** `controller-revision-hash` of a StatefulSet's or DaemonSet's pod. */
  revisionHash: string
  createdAt: string
  phase: string
  ready: boolean
  /** It is being deleted: what it runs does not count any more. */
  leaving: boolean
  containers: PodContainer[]
}

export interface PodContainer {
  name: string
  /** As the pod's spec asks for it: `status.image` may be any name that the node knows the content by. */
  image: string
  imageId: string
  /** Why it does not run yet, e.g. `ImagePullBackOff`. */
  waiting: string | undefined
}

/** What one namespace holds. */
export interface NamespaceObjects {
  workloads: Workload[]
  pods: Pod[]
}

export type Json = Record<string, unknown>

const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {}
const listOf = (value: unknown): Json[] => (Array.isArray(value) ? value.map(objectOf) : [])
const text = (value: unknown): string => (typeof value === 'string' ? value : '')

export function toWorkload(kind: WorkloadKind, raw: Json): Workload {
  const metadata = objectOf(raw.metadata)
  const spec = objectOf(raw.spec)
  const status = objectOf(raw.status)
  const template = kind === 'CronJob' ? objectOf(objectOf(spec.jobTemplate).spec).template : spec.template
  const annotations = objectOf(metadata.annotations)
  const progress = listOf(status.conditions).find((each) => each.type === 'Progressing')
  return {
    kind,
    name: text(metadata.name),
    uid: text(metadata.uid),
    owner: ownerOf(metadata),
    replicas: replicasOf(kind, spec, status),
    revision: Number(annotations['deployment.kubernetes.io/revision'] ?? 0) || 0,
    updateRevision: text(status.updateRevision) || undefined,
    movesOn:
      progress?.status === 'True' &&
      ['NewReplicaSetCreated', 'FoundNewReplicaSet', 'ReplicaSetUpdated'].includes(text(progress.reason)),
    template: templateOf(objectOf(objectOf(template).spec)),
    createdAt: text(metadata.creationTimestamp),
  }
}

/** An absent `replicas` is one, by the API's own default. */
function replicasOf(kind: WorkloadKind, spec: Json, status: Json): number | undefined {
  if (kind === 'DaemonSet') return Number(status.desiredNumberScheduled ?? 0)
  if (kind === 'CronJob' || kind === 'Job') return undefined
  return Number(spec.replicas ?? 1)
}

const templateOf = (spec: Json): TemplateContainer[] =>
  [...listOf(spec.initContainers), ...listOf(spec.containers)].map((each) => ({
    name: text(each.name),
    image: text(each.image),
  }))

function ownerOf(metadata: Json): Owner | undefined {
  const owners = listOf(metadata.ownerReferences)
  const owner = owners.find((each) => each.controller === true) ?? owners[0]
  return owner === undefined ? undefined : { kind: text(owner.kind), uid: text(owner.uid) }
}

export function toPod(raw: Json): Pod {
  const metadata = objectOf(raw.metadata)
  const status = objectOf(raw.status)
  const main = listOf(status.containerStatuses)
  const statuses = [...listOf(status.initContainerStatuses), ...main]
  const readiness = listOf(status.conditions).find((each) => each.type === 'Ready')
  return {
    name: text(metadata.name),
    uid: text(metadata.uid),
    owner: ownerOf(metadata),
    revisionHash: text(objectOf(metadata.labels)['controller-revision-hash']),
    createdAt: text(metadata.creationTimestamp),
    phase: text(status.phase),
    ready:
      readiness === undefined
        ? main.length > 0 && main.every((each) => each.ready === true)
        : readiness.status === 'True',
    leaving: metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null,
    containers: templateOf(objectOf(raw.spec)).map(({ name, image }) => {
      const found = statuses.find((each) => each.name === name) ?? {}
      const waiting = text(objectOf(objectOf(found.state).waiting).reason) || undefined
      return { name, image, imageId: text(found.imageID), waiting }
    }),
  }
}
