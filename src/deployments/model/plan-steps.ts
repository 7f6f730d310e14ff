import type { PlanConfig } from './plan.ts'
import { wantedResources } from './request/resources.ts'
import { type StepKey, stepKeys } from './states.ts'

/** Steps that are part of a plan only if it has something for them to do. */
const optionalSteps: Partial<Record<StepKey, (config: PlanConfig) => boolean>> = {
  provision_resources: (config) => wantedResources(config).length > 0,
  upload_assets: ({ assets }) => assets !== undefined,
  migrate_database: ({ databases = [], noMigrate = false }) =>
    !noMigrate && databases.some(({ files }) => files.length > 0),
  configure_triggers: hasTriggers,
}

/** True if a plan mentions schedules, queue consumers, workflows or settings of the script. */
export function hasTriggers(config: Partial<PlanConfig>): boolean {
  const { crons, queueConsumers, workflows, scriptSettings } = config
  return [crons, queueConsumers, workflows, scriptSettings].some((part) => part !== undefined)
}

/** The steps of a plan, in order. */
export const stepsOf = (config: PlanConfig): StepKey[] =>
  stepKeys.filter((step) => optionalSteps[step]?.(config) ?? true)
