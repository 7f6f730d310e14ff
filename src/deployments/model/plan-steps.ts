import type { PlanConfig } from './plan.ts'
import { type StepKey, stepKeys } from './states.ts'

/** Steps that are part of a plan only if it has something for them to do. */
const optionalSteps: Partial<Record<StepKey, (config: PlanConfig) => boolean>> = {}

/** The steps of a plan, in order. */
export const stepsOf = (config: PlanConfig): StepKey[] =>
  stepKeys.filter((step) => optionalSteps[step]?.(config) ?? true)
