import type { ContainerSpec } from '../../cloudflare/containers-api.ts'
import type { TrafficShare } from '../../cloudflare/workers-api.ts'
import type { StepLog } from '../../log.ts'
import type { PlanHead } from '../../model/plan.ts'
import type { Deployment, Undone } from '../../store/index.ts'
import type { Target } from '../../targets/targets.ts'

/** What a compensation works with: where it is to go, and where from. */
export interface CompensationContext {
  deployment: Deployment
  plan: PlanHead
  target: Target
  goal: RollbackGoal
  /** What the container ran with a version of ours; null: it had none. */
  containerOf(versionId: string): Promise<ContainerSpec | null | 'unknown'>
  signal: AbortSignal
  log: StepLog
}

export interface RollbackGoal {
  /** The version to serve again; null when none is known, or none was there. */
  version: string | null
  /** Whose the traffic is to be: the version's, or as several shared it; empty when that is not known. */
  traffic: TrafficShare[]
  /** The migration tag that the script had with it. */
  migrationTag: string | null
  /** A person wants it: then it also takes the place of a version of others. */
  byHand: boolean
}

/**
 * How one step is undone. Like a step it may be run again after a crash at any point: it reads, compares, and only
 * then acts.
 */
export interface Compensation {
  /** Why there is no way back, if so; asked of all steps before the first one is undone. */
  obstacle?(context: CompensationContext): Promise<string | undefined>
  undo(context: CompensationContext): Promise<Undone>
}
