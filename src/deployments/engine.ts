import type { Knex } from 'knex'
import type { Principal } from '../platform/auth.ts'
import type { Ending, Outcome, Run } from '../platform/jobs/index.ts'
import { type EngineOptions, enqueueStep, type StepOwner, type StepPayload } from './enqueue.ts'
import { requireEnvironment } from './permission.ts'
import { runRollback, settleRollback } from './rollback-job.ts'
import type { StepKey } from './states.ts'
import { runStep, settleStep } from './step-job.ts'
import { findDeployment } from './store.ts'

/** Runs steps and rollbacks for the job runner, and settles deployments whose jobs ended otherwise. */
export interface DeploymentEngine {
  runStep(payload: StepPayload, run: Run): Promise<Outcome>
  settleStep(trx: Knex.Transaction, job: { payload: StepPayload; ending: Ending }): Promise<void>
  runRollback(payload: { deploymentId: string }, run: Run): Promise<Outcome>
  settleRollback(
    trx: Knex.Transaction,
    job: { payload: { deploymentId: string }; ending: Ending },
  ): Promise<void>
  /** @throws ACCESS_003 for who may not act on the deployment's environment. */
  mayChange(db: Knex, about: { payload: { deploymentId: string }; principal: Principal }): Promise<void>
  /** Makes the job of a step exist, in the caller's transaction. @returns the job's id. */
  enqueueStep(trx: Knex.Transaction, deployment: StepOwner, step: StepKey): Promise<string>
}

export function createEngine(options: EngineOptions): DeploymentEngine {
  return {
    runStep: (payload, run) => runStep(options, payload, run),
    settleStep: (trx, job) => settleStep(options, trx, job),
    runRollback: (payload, run) => runRollback(options, payload, run),
    settleRollback,
    async mayChange(db, { payload, principal }) {
      const deployment = await findDeployment(db, payload.deploymentId)
      if (deployment !== undefined) requireEnvironment(principal, deployment.environment)
    },
    enqueueStep: (trx, deployment, step) => enqueueStep(options.enqueue, trx, { deployment, step }),
  }
}
