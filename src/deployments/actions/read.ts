import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { notFound } from '../../platform/errors.ts'
import type { Environment } from '../config.ts'
import { servedBy } from '../model/history.ts'
import { requireEnvironment } from '../model/permission.ts'
import type { PlanHead } from '../model/plan.ts'
import type { RollbackInfo } from '../model/rollback-info.ts'
import {
  type Deployment,
  findDeployment,
  findPlan,
  findSteps,
  hasDeployments,
  listHistory,
  type Step,
} from '../store/index.ts'
import type { ActionOptions } from './target-lock.ts'

/** The address of an app in each environment; null if it has none there. */
export type Urls = Record<Environment, string | null>

/** @throws SYS_005 */
export async function getDeployment(
  reader: Knex,
  id: string,
): Promise<{ deployment: Deployment; steps: Step[] }> {
  const deployment = await findDeployment(reader, id)
  if (deployment === undefined) throw notFound('Deployment')
  return { deployment, steps: await findSteps(reader, id) }
}

/**
 * The addresses of an app, or of a plan's app. May use the cloud and another database connection, so call it before a
 * transaction.
 */
export async function addressesOf(
  options: Pick<ActionOptions, 'db' | 'addresses'>,
  subject: { app: string } | { plan: string; by: Principal },
): Promise<Urls> {
  const app = 'app' in subject ? subject.app : await appOfPlan(options.db, subject.plan, subject.by)
  if (app === undefined) return { staging: null, production: null }
  const [staging, production] = await Promise.all([
    options.addresses(app, 'staging'),
    options.addresses(app, 'production'),
  ])
  return { staging, production }
}

/** Checks the permission first, so that an unauthorized caller cannot trigger calls with the environment's credentials. */
async function appOfPlan(db: Knex, id: string, principal: Principal): Promise<string | undefined> {
  const plan = await findPlan(db, id)
  if (plan !== undefined) requireEnvironment(principal, plan.environment)
  return plan?.app
}

/** The addresses, with null for environments to which the app was never deployed. */
export async function deployedUrls(reader: Knex, app: string, addresses: Urls): Promise<Urls> {
  const urlOf = async (environment: Environment) =>
    (await hasDeployments(reader, app, environment)) ? addresses[environment] : null
  return { staging: await urlOf('staging'), production: await urlOf('production') }
}

/** The version that a rollback of the deployment would restore, and whether that is possible. */
export async function rollbackInfoOf(reader: Knex, deployment: Deployment): Promise<RollbackInfo> {
  const { snapshot } = deployment
  const plan = await findPlan(reader, deployment.id)
  const previousVersion =
    snapshot === null
      ? await previousOf(reader, deployment, plan?.basis ?? null)
      : (snapshot.servingVersion ?? null)
  const reasons = migrationsOf(plan?.preview)
  const available = previousVersion !== null || snapshot?.traffic !== undefined
  if (!available || reasons.length === 0) return { available, previousVersion }
  return { available: false, previousVersion, reasons }
}

/** The version that served when the plan was made. For plans of older versions of Capstan, only the record is known. */
async function previousOf(
  reader: Knex,
  { id, app, environment }: Deployment,
  basis: PlanHead['basis'],
): Promise<string | null> {
  if (basis !== null) return basis.traffic.length === 1 ? (basis.traffic[0]?.versionId ?? null) : null
  const history = await listHistory(reader, app, environment)
  const before = servedBy(history.slice(history.findIndex((each) => each.id === id) + 1))
  return typeof before === 'object' ? before.version : null
}

/** Changes of Durable Object classes to an existing script: they cannot be undone. */
function migrationsOf(preview: PlanHead['preview'] | undefined): string[] {
  const changes = preview?.changes ?? []
  if (changes.some(({ kind, action }) => kind === 'worker' && action === 'create')) return []
  return changes
    .filter(({ kind, action }) => kind === 'durable_object' && action !== 'keep')
    .map(({ name, action }) => `${action}s the Durable Object class ${name}`)
}
