import type { Knex } from 'knex'
import type { Principal } from '../platform/auth.ts'
import type { Ending, Outcome, Run } from '../platform/jobs/index.ts'
import { type DeleteApp, runDeleteApp, settleDeleteApp } from './execution/run-delete-app.ts'
import { runStep, settleStep } from './execution/run-step.ts'
import type { EngineOptions, StepPayload } from './jobs/enqueue.ts'
import { runLateArrivals, settleLateArrivals } from './late-writes/watch.ts'
import { requireEnvironment } from './model/permission.ts'
import { runRollback, settleRollback } from './rollback/run.ts'
import { findDeployment } from './store/index.ts'

/** Runs steps and rollbacks for the job runner, and settles deployments whose jobs ended otherwise. */
export interface DeploymentEngine {
  runStep(payload: StepPayload, run: Run): Promise<Outcome>
  settleStep(trx: Knex.Transaction, job: { payload: StepPayload; ending: Ending }): Promise<void>
  runRollback(payload: OneDeployment, run: Run): Promise<Outcome>
  settleRollback(trx: Knex.Transaction, job: { payload: OneDeployment; ending: Ending }): Promise<void>
  runLateArrivals(payload: OneDeployment, run: Run): Promise<Outcome>
  settleLateArrivals(trx: Knex.Transaction, job: { payload: OneDeployment }): Promise<void>
  runDeleteApp(payload: DeleteApp, run: Run): Promise<Outcome>
  settleDeleteApp(trx: Knex.Transaction, job: { payload: DeleteApp }): Promise<void>
  /** @throws ACCESS_003 for who may not act on the deployment's environment. */
  mayChange(db: Knex, about: { payload: OneDeployment; principal: Principal }): Promise<void>
  mayDelete(about: { payload: DeleteApp; principal: Principal }): Promise<void>
}

interface OneDeployment {
  deploymentId: string
}

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
