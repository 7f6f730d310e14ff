import {
  type NamespaceObjects,
  type Owner,
  type Pod,
  type TemplateContainer,
  type Workload,
  workloadKinds,
} from '../kubernetes/objects.ts'

/** The pods of one revision of a workload: they were made from one template. */
export interface Revision {
  /** The one that the workload asks for now. */
  current: boolean
  template: TemplateContainer[]
  pods: Pod[]
}

/** Something that runs containers and belongs to nothing else, with its pods by revision, the newest first. */
export interface Running {
  workload: Pick<Workload, 'name' | 'replicas' | 'movesOn'> & { kind: Workload['kind'] | 'Pod' }
  revisions: Revision[]
}

/**
 * Joins what a namespace holds by the UIDs of owners, never by labels: a label may be shared with a workload of
 * another kind, a canary or a leftover.
 */
export function joinByOwner({ workloads, pods }: NamespaceObjects): Running[] {
  const owned = Map.groupBy(workloads, ({ owner }) => owner?.uid ?? '')
  const podsOf = Map.groupBy(pods, ({ owner }) => owner?.uid ?? '')
  const roots = workloads.filter(({ owner }) => standsAlone(owner))
  const bare = pods.filter(({ owner }) => standsAlone(owner))
  const own = (workload: Workload) => ({
    pods: podsOf.get(workload.uid) ?? [],
    children: owned.get(workload.uid) ?? [],
  })
  return [
    ...roots.filter(isWorthTelling).map((workload) => ({
      workload,
      revisions: revisionsOf(workload, { ...own(workload), podsOf }),
    })),
    ...bare.map((pod) => ({
      workload: { kind: 'Pod' as const, name: pod.name, replicas: undefined, movesOn: false },
      revisions: [{ current: true, template: pod.containers, pods: [pod] }],
    })),
  ]
}

/**
 * Nothing owns it that is read here. An owner of a kind that is read, but that is not in the lists, came or went
 * between two of them: what it owns is not bare because of that.
 */
const standsAlone = (owner: Owner | undefined) =>
  owner === undefined || !(workloadKinds as readonly string[]).includes(owner.kind)

/** A ReplicaSet of a controller that is not read here leaves an empty one behind at every rollout. */
function isWorthTelling({ kind, owner, replicas }: Workload): boolean {
  return !(kind === 'ReplicaSet' && owner !== undefined && replicas === 0)
}

interface Below {
  pods: Pod[]
  children: Workload[]
  podsOf: Map<string, Pod[]>
}

function revisionsOf(workload: Workload, { pods, children, podsOf }: Below): Revision[] {
  const { kind, template } = workload
  if (kind === 'Deployment') return ofReplicaSets(workload, children, podsOf)
  if (kind === 'CronJob') return ofNewestJob(workload, children, podsOf)
  if (kind === 'StatefulSet' || kind === 'DaemonSet') return byRevisionHash(workload, pods)
  return [{ current: true, template, pods }]
}

/** The highest revision is the current one: a rollback gives the old ReplicaSet a new number. */
function ofReplicaSets(workload: Workload, sets: Workload[], podsOf: Map<string, Pod[]>): Revision[] {
  const matches = (set: Workload) => Number(sameTemplate(set.template, workload.template))
  const sorted = sets.toSorted(
    (a, b) => b.revision - a.revision || matches(b) - matches(a) || b.createdAt.localeCompare(a.createdAt),
  )
  const revisions = sorted.map((set, index) => ({
    current: index === 0,
    template: set.template,
    pods: podsOf.get(set.uid) ?? [],
  }))
  return revisions.length > 0 ? revisions : [{ current: true, template: workload.template, pods: [] }]
}

/** Only the last run tells what the next one is likely to be; the pods of earlier ones are history. */
function ofNewestJob(workload: Workload, jobs: Workload[], podsOf: Map<string, Pod[]>): Revision[] {
  const newest = jobs
    .filter((job) => podsOf.has(job.uid))
    .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))[0]
  const pods = newest === undefined ? [] : (podsOf.get(newest.uid) ?? [])
  return [{ current: true, template: newest?.template ?? workload.template, pods }]
}

function byRevisionHash(workload: Workload, pods: Pod[]): Revision[] {
  const groups = [...Map.groupBy(pods, (pod) => pod.revisionHash).entries()].toSorted(([, a], [, b]) =>
    newestOf(b).localeCompare(newestOf(a)),
  )
  const wanted =
    workload.updateRevision ??
    groups.find(([, group]) => group.some((pod) => isMadeFrom(pod, workload.template)))?.[0]
  const revisions = groups.map(([hash, group]) => ({
    current: hash === wanted,
    template: hash === wanted ? workload.template : (group[0]?.containers ?? []),
    pods: group,
  }))
  if (revisions.some(({ current }) => current)) {
    return revisions.toSorted((a, b) => Number(b.current) - Number(a.current))
  }
  return [{ current: true, template: workload.template, pods: [] }, ...revisions]
}

const newestOf = (pods: Pod[]) =>
  pods
    .map((pod) => pod.createdAt)
    .toSorted()
    .at(-1) ?? ''

/** Admission may add containers to a pod, so only those of the template are compared. */
const isMadeFrom = (pod: Pod, template: TemplateContainer[]) =>
  template.every(({ name, image }) =>
    pod.containers.some((each) => each.name === name && each.image === image),
  )

const sameTemplate = (a: TemplateContainer[], b: TemplateContainer[]) =>
  a.length === b.length && a.every((each, n) => each.name === b[n]?.name && each.image === b[n]?.image)
