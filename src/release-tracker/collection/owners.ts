import { parseImageName } from '../image-reference.ts'
import { identityGroup } from '../kinds.ts'
import {
  type ControllerRevision,
  type NamespaceObjects,
  type Owner,
  type Pod,
  type Workload,
  workloadKinds,
} from '../kubernetes/objects.ts'

/** The top of a chain of controllers, by its API group, kind and name. */
export interface Identity {
  /** Empty for Kubernetes' own kinds. */
  group: string
  kind: string
  name: string
}

/** What one controller owns directly. */
export interface Owned {
  workloads: Workload[]
  pods: Pod[]
  revisions: ControllerRevision[]
}

/** A workload or pod without a controller, or a controller of a kind that is not read. */
export type Root =
  | { type: 'workload'; workload: Workload }
  | { type: 'pod'; pod: Pod; owned: Owned }
  | { type: 'foreign'; identity: Identity; owned: Owned }

export interface Ownership {
  roots: Root[]
  ownedBy(workload: Workload): Owned
}

type Above = { type: 'uid'; uid: string } | { type: 'foreign'; identity: Identity } | 'none' | 'vanished'

/**
 * Follows controllers to the top by UID, never by labels: a workload of another kind, a canary or a leftover may have the
 * same labels. A controller that is not read (a custom resource) is known from the owner reference.
 */
export function followOwners(objects: NamespaceObjects): Ownership {
  const { workloads, pods, revisions } = objects
  const above = controllersOf(objects)
  const byUid = new Map<string, Owned>()
  const foreign = new Map<string, Extract<Root, { type: 'foreign' }>>()
  const roots: Root[] = []
  const ownedOf = (uid: string) => entry(byUid, uid, empty)
  const foreignOf = (identity: Identity) =>
    entry(foreign, `${identity.group}/${identity.kind}/${identity.name}`, () => ({
      type: 'foreign',
      identity,
      owned: empty(),
    })).owned
  const parentOf = (top: Exclude<Above, string>) =>
    top.type === 'uid' ? ownedOf(top.uid) : foreignOf(top.identity)
  for (const workload of workloads) {
    const top = above(workload)
    if (top === 'none') roots.push({ type: 'workload', workload })
    else if (top !== 'vanished') parentOf(top).workloads.push(workload)
  }
  for (const pod of pods) {
    const top = above(pod)
    if (top === 'none') roots.push({ type: 'pod', pod, owned: ownedOf(pod.uid) })
    else if (top !== 'vanished') parentOf(top).pods.push(pod)
  }
  for (const revision of revisions) {
    const top = above(revision)
    if (typeof top !== 'string') parentOf(top).revisions.push(revision)
  }
  return {
    roots: [...roots, ...[...foreign.values()].flatMap(splitByProgram)],
    ownedBy: (workload) => byUid.get(workload.uid) ?? empty(),
  }
}

const empty = (): Owned => ({ workloads: [], pods: [], revisions: [] })

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}

function controllersOf({ workloads, pods, readable }: NamespaceObjects) {
  const workloadIds = new Set(workloads.map(({ uid }) => uid))
  const podsById = new Map(pods.map((pod) => [pod.uid, pod]))
  // The lists are read one after the other. An owner that is missing from its list was created or deleted meanwhile,
  // and the objects it owns are no top-level workloads because of that.
  const isRead = ({ group, kind }: Owner) =>
    identityGroup(kind, group) === '' &&
    (kind === 'Pod' || workloadKinds.some((each) => each === kind && readable.has(each)))

  /** A pod may control others, as a driver controls its executors. Then the controller of the first pod counts. */
  return (object: { owner: Owner | undefined } & Partial<Pod>): Above => {
    let owner = object.owner
    let via = object
    let first: Pod | undefined
    for (const passed = new Set<string>(); owner !== undefined && !isNode(owner); owner = via.owner) {
      if (passed.has(owner.uid)) return 'vanished'
      passed.add(owner.uid)
      const pod = podsById.get(owner.uid)
      if (pod === undefined) {
        if (workloadIds.has(owner.uid)) return { type: 'uid', uid: owner.uid }
        return isRead(owner) ? 'vanished' : { type: 'foreign', identity: identityOf(owner, via) }
      }
      first = pod
      via = pod
    }
    return first === undefined ? 'none' : { type: 'uid', uid: first.uid }
  }
}

/** Static pods are controlled by their node, which is no workload. */
const isNode = ({ group, kind }: Owner) => group === '' && kind === 'Node'

/**
 * The identity of a controller that is not read. If it was created for one rollout, as labels of its pods show, its own
 * creator is used: the DeploymentConfig, or the name without the hash of the template.
 */
function identityOf(
  { group, kind, name }: Owner,
  { templateHash, deploymentConfig }: Partial<Pod>,
): Identity {
  if (kind === 'ReplicationController' && group === '' && deploymentConfig)
    return { group: 'apps.openshift.io', kind: 'DeploymentConfig', name: deploymentConfig }
  const ending = templateHash ? `-${templateHash}` : undefined
  const stem = ending !== undefined && name.endsWith(ending) ? name.slice(0, -ending.length) : name
  return { group: identityGroup(kind, group), kind, name: stem }
}

const longLivedKinds = new Set<string>(['Deployment', 'StatefulSet', 'DaemonSet', 'CronJob'])

/**
 * A custom resource represents everything it controls, unless it uses one container name for images of different
 * repositories. Then its workloads keep their own names, because their images are not versions of one another.
 */
function splitByProgram(root: Extract<Root, { type: 'foreign' }>): Root[] {
  const { workloads } = root.owned
  const named = workloads.filter(({ kind }) => longLivedKinds.has(kind))
  const programs = new Map<string, Set<string>>()
  for (const { name, image } of named.flatMap(({ template }) => template)) {
    const reference = parseImageName(image)
    entry(programs, name, () => new Set<string>()).add(`${reference?.repo}/${reference?.name}`)
  }
  if ([...programs.values()].every(({ size }) => size < 2)) return [root]
  const rest = { ...root.owned, workloads: workloads.filter(({ kind }) => !longLivedKinds.has(kind)) }
  const own = named.map((workload): Root => ({ type: 'workload', workload }))
  const hasMore = rest.workloads.length + rest.pods.length > 0
  return hasMore ? [...own, { ...root, owned: rest }] : own
}
