import type { Knex } from 'knex'
import type { z } from 'zod'
import type { Principal } from '../../platform/auth.ts'
import type { Ending, JobDefinition, Outcome, Run } from '../../platform/jobs/index.ts'
import { deleteAppPayload, deploymentPayload, deployStepPayload } from '../model/schema.ts'
import type { StepKey } from '../model/states.ts'
import { namesOfDeployments } from '../store/index.ts'

type StepPayload = z.output<typeof deployStepPayload>
type OneDeployment = z.output<typeof deploymentPayload>
type DeleteApp = z.output<typeof deleteAppPayload>

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

const seconds = 1000
const minutes = 60 * seconds

/** The health check's own limit is in the plan, at most 15 minutes; it ends by itself within it. */
const timeLimits: Record<StepKey, number> = {
  validate_config: 30 * seconds,
  cloudflare_auth: 30 * seconds,
  check_quotas: 60 * seconds,
  upload_container: 15 * minutes,
  deploy_worker: 2 * minutes,
  rollout_container: 10 * minutes,
  configure_dns: 2 * minutes,
  health_check: 16 * minutes,
}

/** One of the eight steps. The deployment's `maxRetries` sets the attempts. */
export const deployStepJob: JobDefinition<StepPayload, DeploymentEngine> = {
  queue: 'deploy-step',
  name: 'deploy-step',
  payload: deployStepPayload,
  maxAttempts: 4,
  timeoutMs: ({ step }) => timeLimits[step as StepKey] ?? minutes,
  backoff: { firstMs: 1 * seconds, maxMs: 30 * seconds },
  retryRefused: 'A step belongs to its deployment: POST /deploy/{id}/retry, or prepare and deploy again',
  // The next step is made with the result of this one.
  cancelWins: true,
  async describe(_engine, db, payloads) {
    const names = await namesOfDeployments(
      db,
      payloads.map((each) => each.deploymentId),
    )
    return names.map((name, index) => ({ ...name, step: payloads[index]?.step ?? '' }))
  },
  handle: (engine, payload, run) => engine.runStep(payload, run),
  mayChange: (engine, db, about) => engine.mayChange(db, about),
  settle: (engine, trx, job) => engine.settleStep(trx, job),
}

/** Puts back what a deployment changed. */
export const rollbackJob: JobDefinition<OneDeployment, DeploymentEngine> = {
  queue: 'rollback',
  name: 'rollback',
  payload: deploymentPayload,
  // About five minutes: the cloud's outages are seldom longer, and nobody else puts this right.
  maxAttempts: 11,
  timeoutMs: () => 15 * minutes,
  backoff: { firstMs: 1 * seconds, maxMs: 60 * seconds },
  retryRefused: 'A rollback belongs to its deployment: POST /deploy/{id}/rollback',
  describe: (_engine, db, payloads) =>
    namesOfDeployments(
      db,
      payloads.map((each) => each.deploymentId),
    ),
  handle: (engine, payload, run) => engine.runRollback(payload, run),
  mayChange: (engine, db, about) => engine.mayChange(db, about),
  settle: (engine, trx, job) => engine.settleRollback(trx, job),
}

/** Looks for calls that were given up and arrive after their deployment has ended, for a while. */
export const lateArrivalsJob: JobDefinition<OneDeployment, DeploymentEngine> = {
  queue: 'rollback',
  name: 'late-arrivals',
  payload: deploymentPayload,
  maxAttempts: 20,
  timeoutMs: () => 2 * minutes,
  backoff: { firstMs: 5 * seconds, maxMs: 120 * seconds },
  mayChange: (engine, db, about) => engine.mayChange(db, about),
  describe: (_engine, db, payloads) =>
    namesOfDeployments(
      db,
      payloads.map((each) => each.deploymentId),
    ),
  handle: (engine, payload, run) => engine.runLateArrivals(payload, run),
  settle: (engine, trx, job) => engine.settleLateArrivals(trx, job),
}

/** Deletes an app in one environment, with the data of its Durable Objects. */
export const deleteAppJob: JobDefinition<DeleteApp, DeploymentEngine> = {
  queue: 'rollback',
  name: 'delete-app',
  payload: deleteAppPayload,
  maxAttempts: 6,
  timeoutMs: () => 2 * minutes,
  backoff: { firstMs: 1 * seconds, maxMs: 60 * seconds },
  retryRefused: 'Delete the app again: DELETE /deploy/apps/{app}/{environment}',
  mayChange: (engine, _db, about) => engine.mayDelete(about),
  describe: async (_engine, _db, payloads) => payloads.map(({ app, environment }) => ({ app, environment })),
  handle: (engine, payload, run) => engine.runDeleteApp(payload, run),
  settle: (engine, trx, job) => engine.settleDeleteApp(trx, job),
}
