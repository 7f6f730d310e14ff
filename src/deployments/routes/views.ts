import type { Environment } from '../config.ts'
import type { RollbackInfo } from '../model/rollback-info.ts'
import { type StepKey, steps as titles } from '../model/states.ts'
import type { CompensationRow, Deployment, Step } from '../store/index.ts'

/** The body of `POST /deploy`. */
export function deploymentView(
  deployment: Deployment,
  details: {
    steps: Step[]
    urls: Record<Environment, string | null>
    jobId: string | undefined
    rollbackInfo: RollbackInfo
  },
) {
  return {
    deploymentId: deployment.id,
    ...(details.jobId === undefined ? {} : { jobId: details.jobId }),
    appName: deployment.app,
    environment: deployment.environment,
    status: deployment.status,
    steps: details.steps.map(stepView),
    urls: details.urls,
    rollbackInfo: details.rollbackInfo,
  }
}

/** The body of `GET /deploy/{id}/status`. */
export function statusView(
  deployment: Deployment,
  details: {
    steps: Step[]
    urls: Record<Environment, string | null>
    lines: string[]
    medians: Map<StepKey, number>
    rollbackInfo: RollbackInfo
    undoing: CompensationRow[]
  },
) {
  const { steps } = details
  const done = steps.filter((step) => step.status === 'completed')
  const current = steps.find((step) => step.status === 'running' || step.status === 'failed')
  return {
    deploymentId: deployment.id,
    status: deployment.status,
    progress: {
      current: done.length,
      total: steps.length,
      percentage: (done.length / steps.length) * 100,
    },
    currentStep: current === undefined ? null : { ...stepView(current), logs: details.lines },
    completedSteps: done.map((step) => ({
      name: titles[step.step],
      step: step.step,
      status: 'completed',
      duration: seconds(step),
      ...(step.skipped ? { skipped: true } : {}),
    })),
    error: deployment.error,
    urls: details.urls,
    traffic: trafficView(deployment),
    rollbackInfo: details.rollbackInfo,
    rollback: rollbackView(deployment, details.undoing),
    metadata: {
      dryRun: deployment.dryRun,
      appName: deployment.app,
      environment: deployment.environment,
      startTime: (deployment.startedAt ?? deployment.createdAt).toISOString(),
      endTime: deployment.finishedAt?.toISOString() ?? null,
      estimatedCompletion: estimate(deployment, details),
      version: deployment.versionId,
      ...(deployment.source === undefined ? {} : { source: deployment.source }),
    },
  }
}

/**
 * The share of the traffic that the new version has, and the next step of a gradual deployment; null if the traffic was
 * not raised by steps, or the deployment was rolled back.
 */
function trafficView({ status, options, traffic }: Deployment) {
  if (traffic === null || status === 'rolled_back') return null
  const { percentage, since, check } = traffic
  const running = status === 'in_progress' && options.traffic !== undefined
  const next = running ? (options.traffic?.steps.find((step) => step > percentage) ?? null) : null
  const raisedAt = percentage === 0 || since === null ? Number.NaN : Date.parse(since)
  const nextAt = next === null ? Number.NaN : raisedAt + (options.traffic?.everySeconds ?? 0) * 1000
  return {
    percentage,
    since,
    /** `proven`: the new version answered at 0 % of the traffic. */
    check,
    nextPercentage: next,
    nextAt: Number.isNaN(nextAt) ? null : new Date(nextAt).toISOString(),
  }
}

/** One deployment in a list. */
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

/** The goal of a running or finished rollback and the state of each step to undo; null without a rollback. */
function rollbackView({ rollback }: Deployment, undoing: CompensationRow[]) {
  if (rollback === null) return null
  const { jobId, byHand, reason, targetVersion } = rollback
  const steps = undoing.map(({ step, status, outcome, error }) => ({
    name: titles[step],
    step,
    status,
    note: outcome?.note ?? null,
    error: error === null ? null : `${error.message} [${error.code}]`,
  }))
  const bindings = undoing.find(({ outcome }) => outcome?.bindings !== undefined)?.outcome?.bindings
  return {
    rollbackId: jobId,
    byHand,
    reason,
    targetVersion,
    steps,
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

/** The steps whose medians the expected end of a deployment depends on; none after the end. */
export function estimatedSteps({ status }: Deployment, steps: Step[]): StepKey[] {
  if (status !== 'initiated' && status !== 'in_progress') return []
  return steps.filter((step) => step.status !== 'completed').map(({ step }) => step)
}

/** The expected end: now plus the medians of the remaining steps; null without a median, or after the end. */
function estimate(
  deployment: Deployment,
  { steps, medians }: { steps: Step[]; medians: Map<StepKey, number> },
): string | null {
  if (deployment.status !== 'initiated' && deployment.status !== 'in_progress') return null
  let remaining = 0
  for (const step of estimatedSteps(deployment, steps)) {
    const median = medians.get(step)
    if (median === undefined) return null
    remaining += median
  }
  return new Date(Date.now() + remaining * 1000).toISOString()
}
