import type { Knex } from 'knex'
import type { Principal } from '../platform/auth.ts'
import type { Environment } from '../platform/config/index.ts'
import { isUniqueViolation } from '../platform/db.ts'
import { CodedError, conflict, notFound } from '../platform/errors.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { Addresses } from './addresses.ts'
import type { DeploymentEngine } from './engine.ts'
import type { GitHubRecords } from './github/records.ts'
import { requireEnvironment } from './permission.ts'
import type { Plan, PlanHead } from './plan.ts'
import { buildPlan, type PlanPreview, preview } from './prepare.ts'
import { type CostEstimate, estimateCost } from './prices.ts'
import type { DeployOptions, PrepareConfig } from './schema.ts'
import type { DeploymentStatus } from './states.ts'
import {
  type Deployment,
  findDeployment,
  findLive,
  findPlan,
  findSteps,
  hasDeployments,
  insertDeployment,
  insertPlan,
  listVersions,
  type Step,
} from './store.ts'
import type { Targets } from './target.ts'

export interface Prepared {
  plan: Plan
  preview: PlanPreview
  cost: CostEstimate
}

export interface VersionView {
  id: string
  deploymentId: string
  createdAt: Date
  state: 'serving' | 'previous' | 'rolled_back'
  digest: string
}

/** The verbs of deployments. */
export interface DeploymentService {
  /** Checks and looks, without writing: `keep` then freezes the plan in the caller's transaction. */
  prepare(principal: Principal, input: { environment: Environment; config: PrepareConfig }): Promise<Prepared>
  keep(trx: Knex.Transaction, prepared: Prepared): Promise<void>
  /** Starts a plan, or finds its deployment. @returns its id and, when just started, the first job's. */
  deploy(
    trx: Knex.Transaction,
    principal: Principal,
    request: DeployRequest,
  ): Promise<{ jobId: string | undefined }>
  get(id: string, db?: Knex): Promise<{ deployment: Deployment; steps: Step[] }>
  /** The address where an app answers in an environment; undefined where it was never deployed or can't be told. */
  urls(app: string, db?: Knex): Promise<Record<Environment, string | null>>
  versions(app: string, environment: Environment): Promise<VersionView[]>
}

export interface DeployRequest {
  deploymentId: string
  environment: Environment
  options: DeployOptions
  correlationId: string
}

const resolveMs = 15_000

export function createDeploymentService(options: {
  db: Knex
  secrets: Secrets
  targets: Targets
  engine: DeploymentEngine
  records: GitHubRecords
  addresses: Addresses
}): DeploymentService {
  const { db, secrets, targets, engine, records, addresses } = options

  return {
    async prepare(principal, { environment, config }) {
      requireEnvironment(principal, environment)
      const target = await targets.of(environment)
      const github = config.github && (await records.resolve(config.github, AbortSignal.timeout(resolveMs)))
      const plan = buildPlan({ environment, config, github, createdBy: principal.id }, secrets)
      return { plan, preview: await preview(plan, target), cost: estimateCost(target.kind) }
    },

    keep: (trx, prepared) => insertPlan(trx, prepared.plan),

    async deploy(trx, principal, request) {
      const { deploymentId, environment, options: chosen, correlationId } = request
      const plan = await findPlan(trx, deploymentId)
      if (plan === undefined) throw notFound('Plan')
      requireEnvironment(principal, plan.environment)
      if (plan.environment !== environment) {
        const fields = [{ path: 'environment', problem: `the plan was made for ${plan.environment}` }]
        throw new CodedError('REQ_002', "The request's body is not valid", { details: { fields } })
      }
      if ((await findDeployment(trx, deploymentId)) !== undefined) return { jobId: undefined }
      if (plan.expiresAt.getTime() < Date.now()) throw conflict('The plan has expired; prepare again')
      const row = { plan, options: chosen, startedBy: principal.id, correlationId }
      try {
        // A savepoint: the refused insert must not spoil the transaction that then asks who holds the target.
        await trx.transaction((inner) => insertDeployment(inner, row))
      } catch (error) {
        if (isUniqueViolation(error, 'deployments_live')) throw await heldBy(trx, plan)
        if (isUniqueViolation(error)) return { jobId: undefined }
        throw error
      }
      const owner = { id: deploymentId, options: chosen, startedBy: principal.id, correlationId }
      return { jobId: await engine.enqueueStep(trx, owner, 'validate_config') }
    },

    async get(id, reader = db) {
      const deployment = await findDeployment(reader, id)
      if (deployment === undefined) throw notFound('Deployment')
      return { deployment, steps: await findSteps(reader, id) }
    },

    async urls(app, reader = db) {
      const address = async (environment: Environment) =>
        (await hasDeployments(reader, app, environment)) ? addresses(app, environment) : null
      return { staging: await address('staging'), production: await address('production') }
    },

    async versions(app, environment) {
      const deployments = await listVersions(db, app, environment)
      const serving = deployments.find(keptTraffic)
      return deployments.map((each) => ({
        id: each.versionId ?? '',
        deploymentId: each.id,
        createdAt: each.createdAt,
        state: each === serving ? 'serving' : keptTraffic(each) ? 'previous' : 'rolled_back',
        digest: each.digest,
      }))
    },
  }
}

/** Its version got the traffic and was not sent back, however the rest of the deployment went. */
function keptTraffic({ status, served }: { status: DeploymentStatus; served: boolean }): boolean {
  return served && status !== 'rolling_back' && status !== 'rolled_back'
}

async function heldBy(trx: Knex, plan: PlanHead): Promise<CodedError> {
  const holder = await findLive(trx, plan.app, plan.environment)
  return conflict(`A deployment of ${plan.app} to ${plan.environment} is in progress`, {
    deploymentId: holder,
  })
}
