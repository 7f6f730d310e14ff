/** The parts of Kubernetes objects that a collection uses. All other fields are dropped while the pages are read. */

/** The controller of an object: the owner reference with `controller: true`. */
export interface Owner {
  /** Its API group; empty for Kubernetes' core group. */
  group: string
  kind: string
  name: string
  uid: string
}

export interface Workload {
  kind: WorkloadKind
  name: string
  uid: string
  owner: Owner | undefined
  /** Desired replicas; undefined where the kind has none. */
  replicas: number | undefined
  /** Of a ReplicaSet or ReplicationController: the number of its owner's revision. A rollback raises it. */
  revision: number
  /** Of a StatefulSet: `controller-revision-hash` of the pods of its newest template. */
  updateRevision: string | undefined
  /** Of a DaemonSet: the number of its pods that have its newest template. */
  updatedPods: number
  /** False while the controller has not seen the newest template yet: its status describes an older one. */
  observed: boolean
  /** Kubernetes reports that the Deployment's rollout makes progress. */
  isProgressing: boolean
  /** The final result of a Job. */
  ended: 'complete' | 'failed' | undefined
  template: TemplateContainer[]
  createdAt: string
}

/** Kinds of workload that are read; all of them are Kubernetes' own. */
export const workloadKinds = [
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'ReplicationController',
  'CronJob',
  'Job',
] as const
export type WorkloadKind = (typeof workloadKinds)[number]

export interface TemplateContainer {
  name: string
  image: string
}

/** One version of a template, as controllers of StatefulSets, DaemonSets and their extensions keep them. */
export interface ControllerRevision {
  name: string
  owner: Owner | undefined
  /** Rises with each change, also when an older template returns. */
  number: number
  /** The label `controller-revision-hash`, where the controller sets it. */
  hash: string
  template: TemplateContainer[]
}

export interface Pod {
  name: string
  uid: string
  owner: Owner | undefined
  /** `controller-revision-hash` of a StatefulSet's or DaemonSet's pod. */
  revisionHash: string
  /** `pod-template-hash`: the end of the name of the ReplicaSet that made it. */
  templateHash: string
  /** The DeploymentConfig that its ReplicationController belongs to. */
  deploymentConfig: string
  createdAt: string
  phase: string
  ready: boolean
  /** It is being deleted, so its images do not count any more. */
  isTerminating: boolean
  /** Undefined where the API server did not fill in the default, `Always`. */
  restartPolicy: string | undefined
  node: string
  /** Operating system and architecture of its node, such as `linux/arm64`; undefined when unknown. */
  platform: string | undefined
  containers: PodContainer[]
}

export interface PodContainer {
  name: string
  /** As the pod's spec names it. */
  image: string
  /** The reference in the pod's status: any name that the node knows for the content. */
  statusImage: string
  /** Empty when the node does not report it, or reports it for an older spec of the pod. */
  imageId: string
  /** Why it does not run yet, e.g. `ImagePullBackOff`. */
  waiting: string | undefined
}

/** The objects of one namespace. */
export interface NamespaceObjects {
  workloads: Workload[]
  revisions: ControllerRevision[]
  pods: Pod[]
  /** Kinds whose list could be read. */
  readable: ReadonlySet<WorkloadKind>
}
