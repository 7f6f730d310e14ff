import type { Secrets } from '../../../platform/secrets.ts'
import type { GitHubRecords } from '../../github/records.ts'
import type { Images } from '../../images/images.ts'
import type { StepLog } from '../../log.ts'
import type { PlanHead } from '../../model/plan.ts'
import type { AssetFile } from '../../model/request/assets.ts'
import type { StoredModule } from '../../model/worker-module.ts'
import type { Deployment, DeploymentChange } from '../../store/index.ts'
import type { Target } from '../../targets/targets.ts'

/** The input of a step. A step only reads and calls; `runStep` writes its result under the lease. */
export interface StepContext {
  deployment: Deployment
  plan: PlanHead
  /** The plan's modules, the main one first. */
  storedModules(): Promise<StoredModule[]>
  /** The plan's static files, sorted by path. */
  assetFiles(): Promise<AssetFile[]>
  /** Reads a blob that the plan names, chunk by chunk. */
  readBlob(digest: string): AsyncIterable<Uint8Array>
  target: Target
  images: Images
  secrets: Secrets
  signal: AbortSignal
  log: StepLog
  records: GitHubRecords
  /** Enqueues a job that reports to GitHub. */
  reportToGitHubLater(): Promise<void>
  /** The record of a deployment to the same target; undefined for an id of another app or environment. */
  recordOf(deploymentId: string): Promise<Deployment | undefined>
  /** Stores at once what must survive a crash within the step, such as external ids. */
  remember(change: DeploymentChange): Promise<void>
}

export interface StepResult {
  skipped?: boolean
  /** The step is not finished: it is run again after this time, without using up an attempt. */
  againInMs?: number | undefined
  change?: DeploymentChange
}

/** A step must be repeatable after a crash at any point: it searches for its mark, then acts, then reports. */
export type StepFunction = (context: StepContext) => Promise<StepResult>
