import type { StepLog } from '../../log.ts'
import type { ContainerSpec, TrafficShare } from '../../model/app-state.ts'
import type { PlanHead } from '../../model/plan.ts'
import type { Deployment, UndoResult } from '../../store/index.ts'
import type { Target } from '../../targets/targets.ts'
import type { RollbackTarget } from '../last-good.ts'

/** The input of an undo step. */
export interface CompensationContext {
  deployment: Deployment
  plan: PlanHead
  target: Target
  goal: UndoTarget
  /** The container that ran with a version deployed by Capstan; null if it had none. */
  containerOf(versionId: string): Promise<ContainerSpec | null | 'unknown'>
  signal: AbortSignal
  log: StepLog
}

/** The target of a rollback with what its undo steps need. */
export interface UndoTarget extends RollbackTarget {
  /** The traffic to restore: the version's, or several versions' shares; empty if unknown. */
  traffic: TrafficShare[]
  /** True if a person requested it: then it also replaces a version that was made outside Capstan. */
  byHand: boolean
}

/** The undo of one step. Like a step it can run again after a crash at any point: it reads, compares, then acts. */
export interface Compensation {
  /** The reason why the rollback is impossible, if so; checked for all steps before the first undo. */
  obstacle?(context: CompensationContext): Promise<string | undefined>
  undo(context: CompensationContext): Promise<UndoResult>
}
