import { errorCodes } from '../../platform/error-codes.ts'
import type { Ending } from '../../platform/jobs/index.ts'
import { maskSecrets } from '../../platform/logging/redact.ts'
import { truncate } from '../../platform/postgres/storable-text.ts'
import type { Environment } from '../config.ts'
import type { RollbackInfo } from '../model/rollback-info.ts'
import { type StepKey, stepKeys, steps as titles } from '../model/states.ts'
import type { CompensationRow, Deployment, Step } from '../store/index.ts'

/** `POST /deploy`. */
export function deploymentView(
  deployment: Deployment,
  about: {
    steps: Step[]
    urls: Record<Environment, string | null>
    jobId: string | undefined
    rollbackInfo: RollbackInfo
  },
) {
  return {
    deploymentId: deployment.id,
    ...(about.jobId === undefined ? {} : { jobId: about.jobId }),
    appName: deployment.app,
    environment: deployment.environment,
    status: deployment.status,
    steps: about.steps.map(stepView),
    urls: about.urls,
    rollbackInfo: about.rollbackInfo,
  }
}

/** `GET /deploy/{id}/status`. */
export function statusView(
  deployment: Deployment,
  about: {
    steps: Step[]
    urls: Record<Environment, string | null>
    lines: string[]
    medians: Map<StepKey, number>
    rollbackInfo: RollbackInfo
    undoing: CompensationRow[]
  },
) {
  const { steps } = about
  const done = steps.filter((step) => step.status === 'completed')
  const current = steps.find((step) => step.status === 'running' || step.status === 'failed')
  return {
    deploymentId: deployment.id,
    status: deployment.status,
    progress: {
      current: done.length,
      total: stepKeys.length,
      percentage: (done.length / stepKeys.length) * 100,
    },
    currentStep: current === undefined ? null : { ...stepView(current), logs: about.lines },
    completedSteps: done.map((step) => ({
      name: titles[step.step],
      step: step.step,
      status: 'completed',
      duration: seconds(step),
      ...(step.skipped ? { skipped: true } : {}),
    })),
    error: deployment.error,
    urls: about.urls,
    rollbackInfo: about.rollbackInfo,
    rollback: rollbackView(deployment, about.undoing),
    metadata: {
      dryRun: deployment.dryRun,
      appName: deployment.app,
      environment: deployment.environment,
      startTime: (deployment.startedAt ?? deployment.createdAt).toISOString(),
      endTime: deployment.finishedAt?.toISOString() ?? null,
      estimatedCompletion: estimate(deployment, about),
      version: deployment.versionId,
    },
  }
}

export function summaryView(deployment: Deployment) {
  return {
    deploymentId: deployment.id,
    appName: deployment.app,
    environment: deployment.environment,
    status: deployment.status,
    digest: deployment.digest,
    version: deployment.versionId,
    dryRun: deployment.dryRun,
    error: deployment.error,
    createdAt: deployment.createdAt.toISOString(),
    finishedAt: deployment.finishedAt?.toISOString() ?? null,
  }
}

/** Of a rollback that runs or ran: where to, and how far it is with each step. */
function rollbackView({ rollback }: Deployment, undoing: CompensationRow[]) {
  if (rollback === null) return null
  const { jobId, byHand, reason, targetVersion } = rollback
  const steps = undoing.map(({ step, status, outcome, error }) => ({
    ...{ name: titles[step], step, status },
    note: outcome?.note ?? null,
    error: error === null ? null : `${error.message} [${error.code}]`,
  }))
  const bindings = undoing.find(({ outcome }) => outcome?.bindings !== undefined)?.outcome?.bindings
  return {
    ...{ rollbackId: jobId, byHand, reason, targetVersion, steps },
    ...(bindings === undefined ? {} : { bindings }),
  }
}

function stepView(step: Step) {
  return {
    name: titles[step.step],
    step: step.step,
    status: step.status,
    ...(step.skipped ? { skipped: true } : {}),
    attempt: step.attempt,
    startTime: step.startedAt?.toISOString() ?? null,
    endTime: step.finishedAt?.toISOString() ?? null,
    error: step.error === null ? null : `${step.error.message} [${step.error.code}]`,
  }
}

function seconds(step: Step): number {
  if (step.startedAt === null || step.finishedAt === null) return 0
  return (step.finishedAt.getTime() - step.startedAt.getTime()) / 1000
}

/** Now plus the medians of what is left; null when a step left has never run, or nothing is left. */
function estimate(
  deployment: Deployment,
  about: { steps: Step[]; medians: Map<StepKey, number> },
): string | null {
  if (deployment.status !== 'initiated' && deployment.status !== 'in_progress') return null
  let left = 0
  for (const step of about.steps.filter((each) => each.status !== 'completed')) {
    const median = about.medians.get(step.step)
    if (median === undefined) return null
    left += median
  }
  return new Date(Date.now() + left * 1000).toISOString()
}

/** What an ending for good says in rows and answers. */
export interface EndingError {
  code: string
  message: string
  retryable?: boolean
  suggestedAction?: string
}

export function endingError(ending: Ending): EndingError {
  if (ending.state === 'cancelled') return { code: 'STATE_001', message: 'Cancelled by request' }
  const { code, message, retryable, options } = ending.error
  const suggestedAction = options.suggestedAction ?? errorCodes[code].action
  return { code, message: truncate(maskSecrets(message), 2000), retryable, suggestedAction }
}
