import type { Knex } from 'knex'
import type { Principal } from '../platform/auth.ts'
import type { JobDefinition } from '../platform/jobs/index.ts'
import { releaseDeletion, runDeleteApp } from './execution/run-delete-app.ts'
import { onStepFinalState, runStep } from './execution/run-step.ts'
import type { ExecutionServices } from './jobs/enqueue.ts'
import {
  type DeleteAppPayload,
  type DeploymentPayload,
  deleteAppSpec,
  deployStepSpec,
  lateArrivalsSpec,
  rollbackSpec,
  type StepPayload,
} from './jobs/specs.ts'
import { releaseWatch, runLateArrivals } from './late-writes/watch.ts'
import { requireEnvironment } from './model/permission.ts'
import { onRollbackFinalState, runRollback } from './rollback/run.ts'
import { findDeployment, namesOfDeployments } from './store/index.ts'

/** The jobs of deployments with their code. Their settings are in `jobs/specs.ts`. */
export const deployStepJob: JobDefinition<StepPayload, ExecutionServices> = {
  ...deployStepSpec,
  authorizeChange,
  async describe(_services, db, payloads) {
    const names = await namesOf(db, payloads)
    return names.map((name, index) => ({ ...name, step: payloads[index]?.step ?? '' }))
  },
  handle: runStep,
  onFinalState: onStepFinalState,
}

export const rollbackJob: JobDefinition<DeploymentPayload, ExecutionServices> = {
  ...rollbackSpec,
  authorizeChange,
  describe: (_services, db, payloads) => namesOf(db, payloads),
  handle: runRollback,
  onFinalState: onRollbackFinalState,
}

export const lateArrivalsJob: JobDefinition<DeploymentPayload, ExecutionServices> = {
  ...lateArrivalsSpec,
  authorizeChange,
  describe: (_services, db, payloads) => namesOf(db, payloads),
  handle: runLateArrivals,
  onFinalState: releaseWatch,
}

export const deleteAppJob: JobDefinition<DeleteAppPayload, ExecutionServices> = {
  ...deleteAppSpec,
  async authorizeChange(_services, _db, { payload, principal }) {
    requireEnvironment(principal, payload.environment)
  },
  describe: async (_services, _db, payloads) =>
    payloads.map(({ app, environment }) => ({ app, environment })),
  handle: runDeleteApp,
  onFinalState: releaseDeletion,
}

/** @throws ACCESS_003 for a principal that may not change deployments to the environment. */
async function authorizeChange(
  _services: ExecutionServices,
  db: Knex,
  { payload, principal }: { payload: DeploymentPayload; principal: Principal },
): Promise<void> {
  const deployment = await findDeployment(db, payload.deploymentId)
  if (deployment !== undefined) requireEnvironment(principal, deployment.environment)
}

const namesOf = (db: Knex, payloads: DeploymentPayload[]) =>
  namesOfDeployments(
    db,
    payloads.map(({ deploymentId }) => deploymentId),
  )
