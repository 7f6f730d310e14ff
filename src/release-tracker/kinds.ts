/** Kinds of workload that Kubernetes itself has, each in its one API group. */
const ownKinds: Record<string, string> = {
  Deployment: 'apps',
  StatefulSet: 'apps',
  DaemonSet: 'apps',
  ReplicaSet: 'apps',
  CronJob: 'batch',
  Job: 'batch',
  ReplicationController: '',
  Pod: '',
}

/** Kinds of widespread extensions: nothing of them may run yet, but their names are no mistakes. */
const extensionKinds = new Set([
  ...['Rollout', 'CloneSet', 'DeploymentConfig', 'AdvancedCronJob', 'BroadcastJob', 'UnitedDeployment'],
  ...['Workflow', 'JobSet', 'LeaderWorkerSet', 'RayCluster', 'SparkApplication', 'TaskRun'],
])

/** Whether a kind has a meaning even where no workload of it was ever recorded. */
export const isWellKnownKind = (kind: string): boolean =>
  Object.hasOwn(ownKinds, kind) || extensionKinds.has(kind)
