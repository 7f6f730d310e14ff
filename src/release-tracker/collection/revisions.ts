import type { NamespaceObjects, Pod, TemplateContainer, Workload } from '../kubernetes/objects.ts'
import { byRevisionHash, ofControllerRevisions, type Revision } from './hashes.ts'
import { followOwners, type Identity, type Owned, type Ownership, type Root } from './owners.ts'

/** A top-level workload, with its pods grouped by revision, the newest first. */
export interface TopWorkload extends Identity {
  /** Desired replicas; undefined if the kind has none or they are unknown. */
  replicas: number | undefined
  isProgressing: boolean
  /** Its pods run to completion and are not restarted. */
  batch: boolean
  /** The final result of its newest run. */
  ended: 'complete' | 'failed' | undefined
  revisions: Revision[]
}

/** Finds the top-level workloads of a namespace, each with all pods below it. */
export function findTopWorkloads(objects: NamespaceObjects): TopWorkload[] {
  const ownership = followOwners(objects)
  return ownership.roots.map((root) => topWorkloadOf(root, ownership))
}

const isBatch = (kind: string) => kind === 'Job' || kind === 'CronJob'

function topWorkloadOf(root: Root, ownership: Ownership): TopWorkload {
  switch (root.type) {
    case 'workload': {
      const { workload } = root
      const { name, kind, replicas, isProgressing } = workload
      const [newest] =
        kind === 'CronJob' ? runsOf(ownership.ownedBy(workload).workloads, ownership) : [workload]
      const revisions = revisionsOf(workload, ownership)
      return {
        group: '',
        kind,
        name,
        replicas,
        isProgressing,
        batch: isBatch(kind),
        ended: newest?.ended,
        revisions,
      }
    }
    case 'pod': {
      const { pod, owned } = root
      const revisions = [{ current: true, template: pod.containers, pods: [pod, ...owned.pods] }]
      const all = [...revisions, ...owned.workloads.flatMap((each) => revisionsOf(each, ownership))]
      return { ...bare(pod.name), ended: endOf([pod]), revisions: all }
    }
    case 'foreign': {
      const { identity, owned } = root
      const { workloads, pods } = owned
      const batch = workloads.length > 0 && workloads.every(({ kind }) => isBatch(kind))
      const ended = workloads.length === 0 ? endOf(pods) : runsOf(workloads, ownership)[0]?.ended
      return {
        ...identity,
        ...{
          replicas: replicasOf(owned),
          isProgressing: workloads.some(({ isProgressing }) => isProgressing),
        },
        ...{ batch, ended: batch || workloads.length === 0 ? ended : undefined },
        revisions: ofForeign(owned, ownership),
      }
    }
  }
}

const bare = (name: string) => ({
  ...{ group: '', kind: 'Pod', name, replicas: undefined, isProgressing: false, batch: false },
})

/** The result of pods without a Job: failed if all of them have failed, because no pod is left that could run. */
function endOf(pods: Pod[]): TopWorkload['ended'] {
  const present = pods.filter(({ isTerminating }) => !isTerminating)
  return present.length > 0 && present.every(({ phase }) => phase === 'Failed') ? 'failed' : undefined
}

/** Sums up the replicas of the workloads below a controller that is not read. */
function replicasOf({ workloads, pods }: Owned): number | undefined {
  const all = workloads.map(({ replicas }) => replicas ?? Number.NaN)
  const sum = all.reduce((total, each) => total + each, 0)
  return pods.length > 0 || Number.isNaN(sum) ? undefined : sum
}

function revisionsOf(workload: Workload, ownership: Ownership): Revision[] {
  const { kind, template } = workload
  const owned = ownership.ownedBy(workload)
  switch (kind) {
    case 'Deployment':
      return ofSets(owned.workloads, { ownership, template })
    case 'CronJob': {
      const [newest] = runsOf(owned.workloads, ownership)
      const pods = newest === undefined ? [] : ownership.ownedBy(newest).pods
      return [{ current: true, template: newest?.template ?? template, pods }]
    }
    case 'StatefulSet':
    case 'DaemonSet':
      return [
        ...byRevisionHash(workload, owned),
        ...owned.workloads.flatMap((each) => revisionsOf(each, ownership)),
      ]
    default:
      return [{ current: true, template, pods: owned.pods }]
  }
}

function ofForeign(owned: Owned, ownership: Ownership): Revision[] {
  const ofKind = (...kinds: string[]) => owned.workloads.filter(({ kind }) => kinds.includes(kind))
  const sets = ofKind('ReplicaSet', 'ReplicationController')
  return [
    ...(sets.length === 0 ? [] : ofSets(sets, { ownership, template: undefined })),
    ...ofKind('Deployment', 'StatefulSet', 'DaemonSet', 'CronJob').flatMap((each) =>
      revisionsOf(each, ownership),
    ),
    ...ofRuns(ofKind('Job'), ownership),
    ...ofControllerRevisions(owned),
  ]
}

/** The revisions of ReplicaSets. The highest number is the current one: a rollback gives the old ReplicaSet a new number. */
function ofSets(
  sets: Workload[],
  { ownership, template }: { ownership: Ownership; template: TemplateContainer[] | undefined },
): Revision[] {
  const matches = (set: Workload) => Number(template !== undefined && sameTemplate(set.template, template))
  const sorted = sets.toSorted(
    (a, b) => b.revision - a.revision || matches(b) - matches(a) || b.createdAt.localeCompare(a.createdAt),
  )
  const revisions = sorted.map((set, index) => ({
    current: index === 0,
    template: set.template,
    pods: ownership.ownedBy(set).pods,
  }))
  return revisions.length > 0 ? revisions : [{ current: true, template: template ?? [], pods: [] }]
}

/** Jobs that have pods or have ended, the newest first. */
function runsOf(jobs: Workload[], ownership: Ownership): Workload[] {
  return jobs
    .filter((job) => job.ended !== undefined || ownership.ownedBy(job).pods.length > 0)
    .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt) || b.name.localeCompare(a.name))
}

/** The Jobs of a controller that is not read: all running ones, and of the ended ones the newest of each container. */
function ofRuns(jobs: Workload[], ownership: Ownership): Revision[] {
  const seen = new Set<string>()
  return runsOf(jobs, ownership)
    .filter(({ ended, template }) => {
      const isRelevant = ended === undefined || template.some(({ name }) => !seen.has(name))
      for (const { name } of template) seen.add(name)
      return isRelevant
    })
    .flatMap((job) => revisionsOf(job, ownership))
}

const sameTemplate = (a: TemplateContainer[], b: TemplateContainer[]) =>
  a.length === b.length && a.every((each, n) => each.name === b[n]?.name && each.image === b[n]?.image)
