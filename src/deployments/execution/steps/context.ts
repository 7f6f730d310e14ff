import type { Secrets } from '../../../platform/secrets.ts'
import type { GitHubRecords } from '../../github/records.ts'
import type { Images } from '../../images/images.ts'
import type { StepLog } from '../../log.ts'
import type { PlanHead } from '../../model/plan.ts'
import type { WorkerModule } from '../../model/worker-module.ts'
import type { Deployment, DeploymentChange } from '../../store/index.ts'
import type { Target } from '../../targets/targets.ts'

/** What a step works with. It reads and calls; what it found out is written by the engine, under the lease. */
export interface StepContext {
  deployment: Deployment
  plan: PlanHead
  /** The plan's code, the main module first. */
  modules(): Promise<WorkerModule[]>
  target: Target
  images: Images
  secrets: Secrets
  signal: AbortSignal
  log: StepLog
  records: GitHubRecords
  /** Makes GitHub be told by a job of its own. */
  tellGitHubLater(): Promise<void>
  /** Our record of a deployment to the same target. */
  recordOf(deploymentId: string): Promise<Deployment | undefined>
  /** Writes at once, for what must not be lost if the step dies in the middle: external ids. */
  remember(change: DeploymentChange): Promise<void>
}

export interface StepResult {
  skipped?: boolean
  change?: DeploymentChange
}

/** Safe to run again after a crash at any point: looks for its mark, acts, then reports. */
export type StepRun = (context: StepContext) => Promise<StepResult>
