import { CodedError, dependencyFailed, invalidBody, quotaExceeded, timedOut } from '../../platform/errors.ts'
import type { ContainerApplication } from '../cloudflare/containers-api.ts'
import { toCodedError } from '../cloudflare/errors.ts'
import { previewHostnames } from '../hostnames/index.ts'
import { checkContainer } from '../images/preflight.ts'
import type { AppState } from '../model/app-state.ts'
import { maxScripts, type Plan, type PlanPreview } from '../model/plan.ts'
import { plannedAddress } from '../targets/public-address.ts'
import type { Target } from '../targets/targets.ts'
import { changesOf, reversibleOf } from './changes.ts'
import { checkBeforeTraffic } from './check-before-traffic.ts'
import { kindOf, plannedBindings, readState } from './current-state/index.ts'
import { unknownClasses } from './parts/class-changes.ts'
import { compatibilityOf } from './parts/compatibility.ts'
import { unappliedMigrations } from './parts/database-migrations.ts'
import { lookUpResources } from './parts/resources.ts'
import { publicationOf } from './publication.ts'
import { checkTriggers } from './triggers/changes.ts'

const readTimeoutMs = 8000

type Draft = Omit<Plan, 'preview' | 'basis'>

/**
 * Reads the target's state: whether it is reachable and has free quota, and which classes exist.
 * @returns the changes of the plan, and the state for which they are valid
 * @throws STATE_003 (424), STATE_004 (402), REQ_002 with `details.checks`.
 */
export async function preview(
  plan: Draft,
  target: Target,
): Promise<{ preview: PlanPreview; basis: AppState }> {
  const signal = AbortSignal.timeout(readTimeoutMs)
  const account = await readAccount(target, signal)
  const { script } = plan.config
  const exists = account.scripts.some((each) => each.id === script)
  if (!exists && account.scripts.length >= maxScripts) {
    throw quotaExceeded(`The account has ${account.scripts.length} Workers, the limit is ${maxScripts}`, {
      details: { checks: { resources: 'pass', quotas: 'fail', dependencies: 'pass' } },
    })
  }
  const classes = account.namespaces.filter((each) => each.script === script).map((each) => each.class)
  const listed = account.scripts.find((each) => each.id === script)
  checkClasses(plan, classes, listed?.migrationTag ?? null)
  const application = await findApplication(plan, target, account.namespaces)
  const leaving = await findLeavingApplication(plan, target, account.namespaces)
  const { hostnames = [] } = plan.config
  const access = { zones: target.zones, signal }
  const names = await readTarget(signal, () => previewHostnames(access, { hostnames, script }))
  const state = await readTarget(signal, () =>
    readState({ target, config: plan.config, signal, versions: true }),
  )
  const scripts = account.scripts.map(({ id }) => id)
  const query = { config: plan.config, target, scripts, signal }
  const resources = await readTarget(signal, () => lookUpResources(query))
  const unapplied = await readTarget(signal, () => unappliedMigrations(query, resources))
  const basis = Object.keys(resources).length === 0 ? state : { ...state, resources }
  checkSecrets(plan, basis)
  checkTriggers(plan.config, basis.triggers)
  const publication = publicationOf(plan.config, basis)
  const compatibility = compatibilityOf(plan.config, basis)
  const found = {
    state: basis,
    classes,
    application,
    leaving,
    publication,
    compatibility,
    resources,
    unapplied,
  }
  const changes = [...changesOf(plan, found), ...names]
  const reversible = reversibleOf(plan, found)
  const address = await readTarget(signal, () =>
    plannedAddress(target, { config: plan.config, publication, basis, signal }),
  )
  const { healthCheck } = plan.config
  if (address === undefined && healthCheck.host !== undefined) {
    const problem = `is not a public host name of the app that serves ${healthCheck.path}`
    throw invalidBody([{ path: 'config.healthCheck.host', problem }])
  }
  const beforeTraffic = await readTarget(signal, () =>
    checkBeforeTraffic(target, { config: plan.config, state: basis, changes, signal }),
  )
  const isChecked = address !== undefined && healthCheck.enabled !== false
  return {
    preview: {
      changes,
      reversible,
      publication,
      compatibility,
      healthCheck: isChecked ? `${address.base}${healthCheck.path}` : null,
      checkBeforeTraffic: beforeTraffic,
    },
    basis,
  }
}

/** Refuses plans that would replace a secret by another binding; secrets are only deleted by name. */
function checkSecrets(plan: Draft, { bindings }: AppState): void {
  const { deleteSecrets = [] } = plan.config
  const present = bindings.filter(({ type }) => kindOf(type) === 'secret').map(({ name }) => name)
  const faults = deleteSecrets
    .filter((name) => !present.includes(name))
    .map((name) => ({ path: 'config.deleteSecrets', problem: `the app has no secret ${name}` }))
  const { bindings: given = [], environmentVars } = plan.config
  for (const [name, kind] of plannedBindings(plan)) {
    if (kind === 'secret' || !present.includes(name) || deleteSecrets.includes(name)) continue
    const index = given.findIndex((each) => each.name === name)
    const elsewhere = index === -1 ? 'config.durableObjects' : `config.bindings.${index}.name`
    const path = environmentVars[name] === undefined ? elsewhere : `config.environmentVars.${name}`
    const problem = `the app has a secret with the name ${name}: choose another name, or list it in deleteSecrets`
    faults.push({ path, problem })
  }
  if (faults.length > 0) throw invalidBody(faults)
}

async function readAccount(target: Target, signal: AbortSignal) {
  return readTarget(signal, async () => {
    const [scripts, namespaces] = await Promise.all([
      target.cloud.scripts(signal),
      target.cloud.namespaces(signal),
    ])
    return { scripts, namespaces }
  })
}

/** The application of the plan's container. @throws STATE_004, STATE_001 if the container cannot be created */
function findApplication(
  plan: Draft,
  target: Target,
  namespaces: { id: string; script: string; class: string }[],
): Promise<ContainerApplication | undefined> {
  const { script, container } = plan.config
  if (container === undefined) return Promise.resolve(undefined)
  const own = namespaces.find((each) => each.script === script && each.class === container.className)
  const signal = AbortSignal.timeout(readTimeoutMs)
  const query = { script, container, namespaceId: own?.id }
  return readTarget(signal, () => checkContainer(target.containers, query, signal))
}

/** The application of a class that the plan deletes. Makes no call for other plans: tokens may lack the permission. */
async function findLeavingApplication(
  { config }: Draft,
  { containers }: Target,
  namespaces: { id: string; script: string; class: string }[],
): Promise<ContainerApplication | undefined> {
  const { script, leavingContainer } = config
  if (leavingContainer === undefined) return undefined
  const own = namespaces.find((each) => each.script === script && each.class === leavingContainer)
  const signal = AbortSignal.timeout(readTimeoutMs)
  const applications = await readTarget(signal, () => containers.applications(signal))
  return applications.find(({ namespaceId }) => namespaceId === own?.id)
}

/** Makes a read call. @throws STATE_003 (424) for failures other than coded errors */
async function readTarget<T>(signal: AbortSignal, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof CodedError) throw error
    const cause = signal.aborted ? timedOut('The cloud did not answer in time') : toCodedError(error)
    const why = cause instanceof CodedError ? cause.message : 'unexpected response'
    throw dependencyFailed(`The deploy target is unavailable: ${why}`, {
      details: { checks: { resources: 'pass', quotas: 'pass', dependencies: 'fail' } },
      cause: error,
    })
  }
}

/** Refuses plans that omit an existing class: classes are kept, renamed or deleted explicitly. */
function checkClasses(plan: Draft, present: string[], migrationTag: string | null): void {
  const { durableObjects, migrations, bindings, classMigrations, exports } = plan.config
  // A project describes its classes in its own way; classes that it does not mention stay.
  if (bindings !== undefined || classMigrations !== undefined || exports !== undefined) {
    const unknown = unknownClasses(plan.config, { classes: present, state: { migrationTag } })
    if (unknown.length > 0) throw invalidBody(unknown)
    return
  }
  const leaving = new Set([
    ...migrations.deletedClasses,
    ...migrations.renamedClasses.map((each) => each.from),
  ])
  const faults = present
    .filter((name) => !durableObjects.includes(name) && !leaving.has(name))
    .map((name) => ({
      path: 'config.durableObjects',
      problem: `the class ${name} holds data: list it here, or in migrations.deletedClasses to delete its data`,
    }))
  for (const { from, to } of migrations.renamedClasses) {
    if (!present.includes(from) && !present.includes(to)) {
      faults.push({ path: 'config.migrations.renamedClasses', problem: `the class ${from} does not exist` })
    }
    if (!durableObjects.includes(to)) {
      faults.push({ path: 'config.durableObjects', problem: `the renamed class ${to} is missing` })
    }
  }
  for (const name of migrations.deletedClasses) {
    if (durableObjects.includes(name)) {
      faults.push({
        path: 'config.migrations.deletedClasses',
        problem: `the class ${name} is also in durableObjects`,
      })
    }
  }
  if (faults.length > 0) throw invalidBody(faults)
}
