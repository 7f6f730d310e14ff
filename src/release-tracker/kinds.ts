/** Kubernetes' own workload kinds, each with its API group. */
const ownKinds = new Map([
  ...(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'] as const).map(
    (kind) => [kind, 'apps'] as const,
  ),
  ...(['CronJob', 'Job'] as const).map((kind) => [kind, 'batch'] as const),
  ...(['ReplicationController', 'Pod'] as const).map((kind) => [kind, ''] as const),
] as [string, string][])

/** Kinds of widespread extensions. They are known before the first workload of them is deployed. */
const extensionKinds = new Set([
  ...['Rollout', 'CloneSet', 'DeploymentConfig', 'AdvancedCronJob', 'BroadcastJob', 'UnitedDeployment'],
  ...['Workflow', 'JobSet', 'LeaderWorkerSet', 'RayCluster', 'SparkApplication', 'TaskRun'],
])

/** Kubernetes' own kinds. Without an API group, such a name never means a custom resource. */
export const ownKindNames = [...ownKinds.keys()]

/**
 * Whether a kind is no spelling mistake, although no workload of it was ever recorded: Kubernetes' own kinds, those of
 * widespread extensions, and any other kind that is written with its API group.
 */
export const isPlausibleKind = ({ kind, group }: KindName): boolean =>
  extensionKinds.has(kind) || (ownKinds.has(kind) ? !group : group?.includes('.') === true)

/**
 * The API group as it belongs to a component's identity: empty for Kubernetes' own kinds, so that `StatefulSet` is
 * that of `apps`, and `StatefulSet` of `apps.kruise.io` is another one.
 */
export const identityGroup = (kind: string, group: string): string =>
  ownKinds.get(kind) === group ? '' : group

/** The response field that distinguishes workloads of one kind and name; absent for Kubernetes' own kinds. */
export const groupField = (group: string | undefined): { workload_group?: string } =>
  group ? { workload_group: group } : {}

/** A kind as people write it, with its API group after a dot if the kind alone is ambiguous. */
export interface KindName {
  kind: string
  /** Undefined for any group, Kubernetes' own first. */
  group: string | undefined
}

/** The inverse of `parseKind`. */
export const kindText = (kind: string, group: string | undefined): string =>
  group ? `${kind}.${group}` : kind

/** Reads `StatefulSet`, or `StatefulSet.apps.kruise.io` as kubectl writes it. */
export function parseKind(text: string): KindName {
  const at = text.indexOf('.')
  if (at === -1) return { kind: text, group: undefined }
  const kind = text.slice(0, at)
  return { kind, group: identityGroup(kind, text.slice(at + 1)) }
}
