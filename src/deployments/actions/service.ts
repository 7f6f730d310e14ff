import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { databaseTime } from '../../platform/clock.ts'
import { conflict, dependencyFailed, invalidBody, notFound, unavailable } from '../../platform/errors.ts'
import type { Enqueue } from '../../platform/jobs/index.ts'
import { isUniqueViolation } from '../../platform/postgres/db.ts'
import type { Secrets } from '../../platform/secrets.ts'
import type { Environment } from '../config.ts'
import type { GitHubRecords } from '../github/records.ts'
import type { Images } from '../images/images.ts'
import { inspectImage } from '../images/preflight.ts'
import { enqueueStep } from '../jobs/enqueue.ts'
import { quarantineOf, servedBy } from '../model/history.ts'
import { instanceTypes } from '../model/instance-types.ts'
import { requireEnvironment } from '../model/permission.ts'
import { type Plan, type PlanHead, scriptName } from '../model/plan.ts'
import type { PlannedContainer } from '../model/planned-container.ts'
import type { RollbackInfo } from '../model/rollback-info.ts'
import type { DeployOptions, PrepareConfig } from '../model/schema.ts'
import { liveStatuses } from '../model/states.ts'
import { buildPlan, checkConfig } from '../plans/build.ts'
import { frontOf, plannedContainer } from '../plans/container.ts'
import { changesSincePlan, readState, stale } from '../plans/current-state/index.ts'
import { preview } from '../plans/preview.ts'
import { type CostEstimate, estimateCost } from '../plans/prices.ts'
import { type AppVersions, readAppVersions } from '../rollback/app-versions.ts'
import { lookMs } from '../rollback/serving.ts'
import {
  type Deployment,
  findContainerClass,
  findDeployment,
  findHold,
  findLive,
  findPlan,
  findSteps,
  hasDeployments,
  insertDeployment,
  insertPlan,
  listHistory,
  lockTarget,
  removeDryRun,
  type Step,
  type TargetRow,
} from '../store/index.ts'
import type { Addresses } from '../targets/addresses.ts'
import type { WorkerLine } from '../targets/local-logs.ts'
import type { Target, Targets } from '../targets/targets.ts'
import { held, inProgress, requireSettled } from './index.ts'

export interface Prepared {
  plan: Plan
  cost: CostEstimate
  /** The deployment that was rolled back with this very content. */
  quarantinedBy: string | null
}

/** The verbs of deployments. */
export interface DeploymentService {
  /** Checks and looks, without writing: `keep` then freezes the plan in the caller's transaction. */
  prepare(principal: Principal, input: { environment: Environment; config: PrepareConfig }): Promise<Prepared>
  keep(trx: Knex.Transaction, prepared: Prepared): Promise<void>
  /**
   * What has changed of a plan's app since the plan was made, in words. For use before a transaction, as the cloud is
   * asked; where it does not answer, nothing is said, and the steps look again.
   */
  changesSince(planId: string, principal: Principal): Promise<string[]>
  /** Starts a plan, or finds its deployment. @returns its id and, when just started, the first job's. */
  deploy(
    trx: Knex.Transaction,
    principal: Principal,
    request: DeployRequest,
  ): Promise<{ jobId: string | undefined }>
  get(id: string, db?: Knex): Promise<{ deployment: Deployment; steps: Step[] }>
  /**
   * Where an app would answer, or the app of a plan. For use before a transaction: it is asked through a connection of
   * its own, and the cloud may have to be asked.
   */
  addressesOf(of: { app: string } | { plan: string; by: Principal }): Promise<Urls>
  /** The address where an app answers in an environment; null where it was never deployed or can't be told. */
  urls(app: string, among: Urls, db?: Knex): Promise<Urls>
  /** Asks the cloud which of them serve. */
  versions(app: string, environment: Environment): Promise<AppVersions>
  /** The last lines that the app wrote, oldest first. @throws STATE_003; 404 for an app that was never deployed */
  workerLogs(app: string, environment: Environment): Promise<WorkerLine[]>
  /** The version to go back to, where there is one and a way to it. */
  rollbackInfo(deployment: Deployment, db?: Knex): Promise<RollbackInfo>
}

export type Urls = Record<Environment, string | null>

export interface DeployRequest {
  deploymentId: string
  environment: Environment
  options: DeployOptions
  correlationId: string
  /** What has changed since the plan was made: then it is not started. */
  changed: string[]
}

const resolveMs = 15_000

export function createDeploymentService(options: {
  db: Knex
  secrets: Secrets
  targets: Targets
  images: Images
  enqueue: Enqueue
  records: GitHubRecords
  addresses: Addresses
}): DeploymentService {
  const { db, secrets, targets, images, enqueue, records, addresses } = options

  /** Who may not run the plan makes nothing be asked with the credentials of its environment. */
  async function appOfPlan(id: string, principal: Principal): Promise<string | undefined> {
    const plan = await findPlan(db, id)
    if (plan !== undefined) requireEnvironment(principal, plan.environment)
    return plan?.app
  }

  return {
    async prepare(principal, { environment, config: given }) {
      requireEnvironment(principal, environment)
      const checked = checkConfig(given)
      const github = given.github && (await records.resolve(given.github, AbortSignal.timeout(resolveMs)))
      const target = await targets.of(environment)
      const container = await lookAt(images, target, checked)
      const { config } = checked
      const history = await listHistory(db, config.appName, environment)
      const { deletedClasses } = config.migrations
      const leavingContainer =
        container === undefined ? await leaving(db, history, deletedClasses) : undefined
      const input = { environment, config, github, createdBy: principal.id, container, leavingContainer }
      const draft = buildPlan({ ...input, createdAt: await databaseTime(db) }, secrets)
      const seen = await preview(draft, target)
      const plan = { ...draft, preview: seen.preview, basis: { ...seen.basis, ended: endedIn(history) } }
      const quarantine = quarantineOf(history, plan.digest)
      const cost = estimateCost(target.kind, container && useOf(container.planned))
      return { plan, cost, quarantinedBy: quarantine?.id ?? null }
    },

    keep: (trx, prepared) => insertPlan(trx, prepared.plan),

    changesSince: (planId, principal) => changesOfPlan({ db, targets }, planId, principal),

    async deploy(trx, principal, request) {
      const { deploymentId, environment, options: chosen, correlationId } = request
      const plan = await findPlan(trx, deploymentId)
      if (plan === undefined) throw notFound('Plan')
      requireEnvironment(principal, plan.environment)
      if (plan.environment !== environment) {
        const fields = [{ path: 'environment', problem: `the plan was made for ${plan.environment}` }]
        throw invalidBody(fields)
      }
      await lockTarget(trx, plan.app, environment)
      if (await isThere(trx, deploymentId, chosen)) return { jobId: undefined }
      await refuseStart(trx, plan, chosen)
      if (request.changed.length > 0) throw stale(request.changed)
      const row = { plan, options: chosen, startedBy: principal.id, correlationId }
      try {
        // A savepoint: the refused insert must not spoil the transaction that then asks who holds the target.
        await trx.transaction(async (inner) => {
          await removeDryRun(inner, deploymentId)
          await insertDeployment(inner, row)
        })
      } catch (error) {
        if (!isUniqueViolation(error, 'deployments_live')) throw error
        throw inProgress(plan.app, environment, await findLive(trx, plan.app, environment))
      }
      const deployment = { id: deploymentId, options: chosen, startedBy: principal.id, correlationId }
      return { jobId: await enqueueStep(enqueue, trx, { deployment, step: 'validate_config' }) }
    },

    async get(id, reader = db) {
      const deployment = await findDeployment(reader, id)
      if (deployment === undefined) throw notFound('Deployment')
      return { deployment, steps: await findSteps(reader, id) }
    },

    async addressesOf(of) {
      const app = 'app' in of ? of.app : await appOfPlan(of.plan, of.by)
      if (app === undefined) return { staging: null, production: null }
      const [staging, production] = await Promise.all([
        addresses(app, 'staging'),
        addresses(app, 'production'),
      ])
      return { staging, production }
    },

    async urls(app, among, reader = db) {
      const there = async (environment: Environment) =>
        (await hasDeployments(reader, app, environment)) ? among[environment] : null
      return { staging: await there('staging'), production: await there('production') }
    },

    versions: (app, environment) => readAppVersions({ db, targets }, app, environment),
    workerLogs: (app, environment) => workerLogs({ db, targets }, app, environment),

    async rollbackInfo(deployment, reader = db) {
      const { id, app, environment, snapshot } = deployment
      const history = await listHistory(reader, app, environment)
      const earlier = history.slice(history.findIndex((each) => each.id === id) + 1)
      const plan = await findPlan(reader, id)
      const previousVersion =
        snapshot === null ? previousOf(plan?.basis ?? null, earlier) : (snapshot.servingVersion ?? null)
      const reasons = migrationsOf(plan?.preview)
      const available = previousVersion !== null || snapshot?.traffic !== undefined
      if (!available || reasons.length === 0) return { available, previousVersion }
      return { available: false, previousVersion, reasons }
    },
  }
}

/** What served when the plan was made, by the cloud; plans of older versions of Capstan have only our record. */
function previousOf(basis: PlanHead['basis'], earlier: TargetRow[]): string | null {
  if (basis !== null) return basis.traffic.length === 1 ? (basis.traffic[0]?.versionId ?? null) : null
  const before = servedBy(earlier)
  return typeof before === 'object' ? before.version : null
}

/** The newest deployments that have ended, with the time; no call is late for longer than these reach back. */
function endedIn(history: TargetRow[]): Record<string, string> {
  const ended = history
    .slice(0, 20)
    .flatMap(({ id, finishedAt }) => (finishedAt === null ? [] : [[id, finishedAt.toISOString()] as const]))
  return Object.fromEntries(ended)
}

async function workerLogs(
  { db, targets }: { db: Knex; targets: Targets },
  app: string,
  environment: Environment,
): Promise<WorkerLine[]> {
  if ((await listHistory(db, app, environment)).length === 0) throw notFound('App')
  const script = scriptName(app, environment)
  const target = await targets.of(environment)
  const logs = await target.logsOf(script, AbortSignal.timeout(resolveMs)).catch((error: unknown) => {
    throw unavailable('The local cloud does not answer', { cause: error })
  })
  if (logs !== undefined) return logs
  throw dependencyFailed('Cloudflare keeps no log lines that could be read afterwards', {
    retryable: false,
    suggestedAction: `Run: npx wrangler tail ${script}`,
  })
}

/** Whether a deployment of this plan stands. A dry run that has ended makes way for the real one. */
async function isThere(trx: Knex.Transaction, id: string, { dryRun }: DeployOptions): Promise<boolean> {
  const there = await findDeployment(trx, id)
  if (there === undefined) return false
  if (!there.dryRun || dryRun) return true
  if (!liveStatuses.includes(there.status)) return false
  throw conflict('A dry run of this plan is in progress', { deploymentId: id })
}

async function changesOfPlan(
  { db, targets }: { db: Knex; targets: Targets },
  planId: string,
  principal: Principal,
): Promise<string[]> {
  const plan = await findPlan(db, planId)
  if (plan === undefined || plan.expiresAt < (await databaseTime(db))) return []
  requireEnvironment(principal, plan.environment)
  const there = await findDeployment(db, planId)
  // One that runs, or has run, is found again, and is itself what has changed the app.
  if (there !== undefined && !there.dryRun) return []
  if (plan.basis === null) return ['the plan is from an older version of Capstan']
  return lookForChanges(db, targets, plan)
}

/** @returns nothing where the cloud does not answer: that is for the steps to wait out. */
async function lookForChanges(db: Knex, targets: Targets, plan: PlanHead): Promise<string[]> {
  try {
    const signal = AbortSignal.timeout(lookMs)
    const target = await targets.of(plan.environment)
    const now = await readState({ target, config: plan.config, versions: false, signal })
    const recordOf = (id: string) => findDeployment(db, id)
    return await changesSincePlan(plan, now, { target, signal, recordOf })
  } catch {
    return []
  }
}

/** @throws STATE_001 for a plan that is not to be started now, or not without force. */
async function refuseStart(trx: Knex.Transaction, plan: PlanHead, options: DeployOptions): Promise<void> {
  if (plan.expiresAt < (await databaseTime(trx))) throw conflict('The plan has expired; prepare again')
  if ((await findHold(trx, plan.app, plan.environment)) !== undefined) throw held()
  const live = await findLive(trx, plan.app, plan.environment)
  if (live !== undefined) throw inProgress(plan.app, plan.environment, live)
  await requireSettled(trx, plan.app, plan.environment)
  if (options.force || options.dryRun) return
  const verdict = quarantineOf(await listHistory(trx, plan.app, plan.environment), plan.digest)
  if (verdict === undefined) return
  const suggestedAction = 'Change what is deployed, or send options.force: true'
  const message = 'This content was rolled back before: deploying it again needs options.force: true'
  throw conflict(message, { deploymentId: verdict.id }, { suggestedAction })
}

/** Changes of Durable Object classes that a plan makes to a script that is there: there is no way back over them. */
function migrationsOf(preview: PlanHead['preview'] | undefined): string[] {
  const changes = preview?.changes ?? []
  if (changes.some(({ kind, action }) => kind === 'worker' && action === 'create')) return []
  return changes
    .filter(({ kind, action }) => kind === 'durable_object' && action !== 'keep')
    .map(({ name, action }) => `${action}s the Durable Object class ${name}`)
}

/** What the plan's image is at this moment; undefined without one. */
async function lookAt(images: Images, { containers }: Target, checked: ReturnType<typeof checkConfig>) {
  const { config, wanted } = checked
  if (wanted === undefined) return undefined
  const secret = config.container?.pullSecret
  const image = await inspectImage(images, { image: wanted.reference, secret, containers })
  const front = wanted.alone ? await frontOf(wanted) : undefined
  return { planned: plannedContainer(wanted, image), front }
}

const useOf = ({ instanceType, maxInstances }: PlannedContainer) => ({
  ...instanceTypes[instanceType],
  instances: maxInstances,
})

/**
 * An app does not lose its container by its absence from a plan; it goes with its class, when that is deleted by name.
 * @returns that class.
 */
async function leaving(db: Knex, history: TargetRow[], deleted: string[]): Promise<string | undefined> {
  const [newest] = history
  const served = servedBy(history)
  if (newest === undefined || typeof served !== 'object') return undefined
  const name = await findContainerClass(db, newest, served.version)
  if (name === undefined || deleted.includes(name)) return name
  const problem = `the app runs a container: give its image, or delete its class ${name} (migrations.deletedClasses)`
  throw invalidBody([{ path: 'config.containerImage', problem }])
}
