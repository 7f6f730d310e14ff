export { type BlobQuota, createBlobQuota } from './blob-quota.ts'
export { BlobTooLarge, findBlobSizes, pruneBlobs, readBlob, unlinkBlobs, writeBlob } from './blobs.ts'
export {
  type CompensationRow,
  failCompensations,
  findCompensations,
  planCompensations,
  rollbackMedian,
  type UndoResult,
  updateCompensation,
} from './compensations.ts'
export {
  type DeploymentChange,
  findDeployment,
  findLive,
  insertDeployment,
  lockDeployment,
  lockTarget,
  namesOfDeployments,
  removeDryRun,
  updateDeployment,
} from './deployments.ts'
export { findHold, releaseHold, takeHold } from './holds.ts'
export {
  countLive,
  findAddress,
  findAssetManifest,
  findContainerClass,
  findContainerOfVersion,
  hasDeployments,
  listApps,
  listDeployments,
  listHistory,
  markRemoved,
  type TargetRow,
} from './lists.ts'
export { readMetrics } from './metrics.ts'
export { dropPullSecret, findAssetFiles, findModules, findPlan, insertPlan, prunePlans } from './plans.ts'
export type { Deployment, Rollback, Snapshot, TrafficProgress } from './rows.ts'
export { endStep, findSteps, reopenStep, type Step, startStep, stepMedians } from './steps.ts'
export {
  dropWrite,
  giveUpWrite,
  giveUpWrites,
  hasUnanswered,
  pruneWrites,
  recordWrite,
  settlesIn,
} from './writes.ts'
