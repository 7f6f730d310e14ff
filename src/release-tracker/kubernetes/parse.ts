import type { ControllerRevision, Owner, Pod, TemplateContainer, Workload, WorkloadKind } from './objects.ts'

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
  const conditions = listOf(status.conditions)
  const progress = conditions.find((each) => each.type === 'Progressing')
  const observed = isObserved(metadata, status)
  return {
    kind,
    name: text(metadata.name),
    uid: text(metadata.uid),
    owner: ownerOf(metadata),
    replicas: replicasOf(kind, spec, status),
    revision: revisionOf(objectOf(metadata.annotations)),
    updateRevision: text(status.updateRevision) || undefined,
    updatedPods: Number(status.updatedNumberScheduled ?? 0),
    observed,
    isProgressing:
      !observed ||
      (progress?.status === 'True' &&
        ['NewReplicaSetCreated', 'FoundNewReplicaSet', 'ReplicaSetUpdated'].includes(text(progress.reason))),
    ended: endOf(conditions),
    template: templateOf(objectOf(objectOf(template).spec)),
    createdAt: text(metadata.creationTimestamp),
  }
}

/** Controllers number revisions in annotations of their own. */
function revisionOf(annotations: Json): number {
  const keys = [
    'deployment.kubernetes.io/revision',
    'rollout.argoproj.io/revision',
    'openshift.io/deployment-config.latest-version',
  ]
  return Math.max(0, ...keys.map((key) => Number(annotations[key] ?? 0) || 0))
}

function endOf(conditions: Json[]): Workload['ended'] {
  const holds = (type: string) => conditions.some((each) => each.type === type && each.status === 'True')
  if (holds('Failed')) return 'failed'
  return holds('Complete') ? 'complete' : undefined
}

function isObserved(metadata: Json, status: Json): boolean {
  const { observedGeneration: observed } = status
  return (
    typeof observed !== 'number' || typeof metadata.generation !== 'number' || observed >= metadata.generation
  )
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

/** Other owner references only concern garbage collection: an object has at most one controller. */
function ownerOf(metadata: Json): Owner | undefined {
  const owner = listOf(metadata.ownerReferences).find((each) => each.controller === true)
  if (owner === undefined) return undefined
  const version = text(owner.apiVersion)
  const group = version.includes('/') ? version.slice(0, version.indexOf('/')) : ''
  return { group, kind: text(owner.kind), name: text(owner.name), uid: text(owner.uid) }
}

export function toRevision(raw: Json): ControllerRevision {
  const metadata = objectOf(raw.metadata)
  const template = objectOf(objectOf(objectOf(raw.data).spec).template)
  return {
    name: text(metadata.name),
    owner: ownerOf(metadata),
    number: Number(raw.revision ?? 0) || 0,
    hash: text(objectOf(metadata.labels)['controller-revision-hash']),
    template: templateOf(objectOf(template.spec)),
  }
}

export function toPod(raw: Json): Pod {
  const metadata = objectOf(raw.metadata)
  const labels = objectOf(metadata.labels)
  const spec = objectOf(raw.spec)
  const status = objectOf(raw.status)
  const main = listOf(status.containerStatuses)
  const statuses = [...listOf(status.initContainerStatuses), ...main]
  const readiness = listOf(status.conditions).find((each) => each.type === 'Ready')
  // A status that is older than the spec pairs the old content with the new reference.
  const observed = isObserved(metadata, status)
  return {
    name: text(metadata.name),
    uid: text(metadata.uid),
    owner: ownerOf(metadata),
    revisionHash: text(labels['controller-revision-hash']),
    templateHash: text(labels['rollouts-pod-template-hash']) || text(labels['pod-template-hash']),
    deploymentConfig: text(objectOf(metadata.annotations)['openshift.io/deployment-config.name']),
    createdAt: text(metadata.creationTimestamp),
    phase: text(status.phase),
    ready:
      readiness === undefined
        ? main.length > 0 && main.every((each) => each.ready === true)
        : readiness.status === 'True',
    isTerminating: metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null,
    restartPolicy: text(spec.restartPolicy) || undefined,
    node: text(spec.nodeName),
    platform: platformOf(objectOf(spec.nodeSelector)),
    containers: templateOf(spec).map(({ name, image }) => {
      const found = statuses.find((each) => each.name === name) ?? {}
      return {
        name,
        image,
        statusImage: text(found.image),
        imageId: observed ? text(found.imageID) : '',
        waiting: text(objectOf(objectOf(found.state).waiting).reason) || undefined,
      }
    }),
  }
}

/** @returns the platform that labels of a node name, or a pod's selector of nodes. */
function platformOf(labels: Json): string | undefined {
  const architecture = text(labels['kubernetes.io/arch'])
  return architecture === '' ? undefined : `${text(labels['kubernetes.io/os']) || 'linux'}/${architecture}`
}

/** A node's name and platform; the kubelet's own words count more than labels, which anybody may set. */
export function toNode(raw: Json): { name: string; platform: string | undefined } {
  const metadata = objectOf(raw.metadata)
  const info = objectOf(objectOf(raw.status).nodeInfo)
  const architecture = text(info.architecture)
  const platform = `${text(info.operatingSystem) || 'linux'}/${architecture}`
  return {
    name: text(metadata.name),
    platform: architecture === '' ? platformOf(objectOf(metadata.labels)) : platform,
  }
}
