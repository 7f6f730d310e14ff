import { runDeleteApp, settleDeleteApp } from './execution/run-delete-app.ts'
import { runStep, settleStep } from './execution/run-step.ts'
import type { EngineOptions } from './jobs/enqueue.ts'
import type { DeploymentEngine } from './jobs/specs.ts'
import { runLateArrivals, settleLateArrivals } from './late-writes/watch.ts'
import { requireEnvironment } from './model/permission.ts'
import { runRollback, settleRollback } from './rollback/run.ts'
import { findDeployment } from './store/index.ts'

export function createEngine(options: EngineOptions): DeploymentEngine {
  return {
    runStep: (payload, run) => runStep(options, payload, run),
    settleStep: (trx, job) => settleStep(options, trx, job),
    runRollback: (payload, run) => runRollback(options, payload, run),
    settleRollback: (trx, job) => settleRollback(options, trx, job),
    runLateArrivals: (payload, run) => runLateArrivals(options, payload, run),
    settleLateArrivals,
    runDeleteApp: (payload, run) => runDeleteApp(options, payload, run),
    settleDeleteApp,
    async mayChange(db, { payload, principal }) {
      const deployment = await findDeployment(db, payload.deploymentId)
      if (deployment !== undefined) requireEnvironment(principal, deployment.environment)
    },
    async mayDelete({ payload, principal }) {
      requireEnvironment(principal, payload.environment)
    },
  }
}
