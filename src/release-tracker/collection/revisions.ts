import type { NamespaceObjects, Pod, TemplateContainer, Workload } from '../kubernetes/objects.ts'
import { byRevisionHash, ofControllerRevisions, type Revision } from './hashes.ts'
import { followOwners, type Identity, type Owned, type Ownership, type Root } from './owners.ts'

/** Something that runs containers and that nothing else controls, with its pods by revision, the newest first. */
export interface Running extends Identity {
  /** Desired replicas; undefined where there are none or they are not known. */
  replicas: number | undefined
  movesOn: boolean
  /** Its pods run to an end, instead of being kept alive. */
  batch: boolean
  /** How its newest run ended for good. */
  ended: 'complete' | 'failed' | undefined
  revisions: Revision[]
}

/** Joins what a namespace holds: what stands at the top of each chain of controllers, with all pods below it. */
export function joinByOwner(objects: NamespaceObjects): Running[] {
  const ownership = followOwners(objects)
  return ownership.roots.map((root) => runningOf(root, ownership))
}

const isBatch = (kind: string) => kind === 'Job' || kind === 'CronJob'

function runningOf(root: Root, ownership: Ownership): Running {
  switch (root.type) {
    case 'workload': {
      const { workload } = root
      const { name, kind, replicas, movesOn } = workload
      const [newest] =
        kind === 'CronJob' ? runsOf(ownership.ownedBy(workload).workloads, ownership) : [workload]
      const revisions = revisionsOf(workload, ownership)
      return {
        group: '',
        kind,
        name,
        replicas,
        movesOn,
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
        ...{ replicas: replicasOf(owned), movesOn: workloads.some(({ movesOn }) => movesOn) },
        ...{ batch, ended: batch || workloads.length === 0 ? ended : undefined },
        revisions: ofForeign(owned, ownership),
      }
    }
  }
}

const bare = (name: string) => ({
  ...{ group: '', kind: 'Pod', name, replicas: undefined, movesOn: false, batch: false },
})

/** Pods of which nobody says more: when all of them have failed, nothing is left that could still run. */
function endOf(pods: Pod[]): Running['ended'] {
  const here = pods.filter(({ leaving }) => !leaving)
  return here.length > 0 && here.every(({ phase }) => phase === 'Failed') ? 'failed' : undefined
}

/** What a controller that is not read wants can be known only from what it made. */
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

/** The highest revision is the current one: a rollback gives the old ReplicaSet a new number. */
function ofSets(
  sets: Workload[],
  about: { ownership: Ownership; template: TemplateContainer[] | undefined },
): Revision[] {
  const { ownership, template } = about
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

/** Runs that tell something, the newest first: they have pods, or have ended. */
function runsOf(jobs: Workload[], ownership: Ownership): Workload[] {
  return jobs
    .filter((job) => job.ended !== undefined || ownership.ownedBy(job).pods.length > 0)
    .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt) || b.name.localeCompare(a.name))
}

/** Jobs of a controller that is not read: those that run, and of those that ended the newest of each container. */
function ofRuns(jobs: Workload[], ownership: Ownership): Revision[] {
  const seen = new Set<string>()
  return runsOf(jobs, ownership)
    .filter(({ ended, template }) => {
      const tells = ended === undefined || template.some(({ name }) => !seen.has(name))
      for (const { name } of template) seen.add(name)
      return tells
    })
    .flatMap((job) => revisionsOf(job, ownership))
}

const sameTemplate = (a: TemplateContainer[], b: TemplateContainer[]) =>
  a.length === b.length && a.every((each, n) => each.name === b[n]?.name && each.image === b[n]?.image)
