import { isDeepStrictEqual } from 'node:util'
import { fingerprintOf } from '../cloudflare/binding-fingerprint.ts'
import type { ContainerApplication } from '../cloudflare/containers-api.ts'
import type { AppState } from '../model/app-state.ts'
import type { Compatibility, Plan, PlanPreview, Publication } from '../model/plan.ts'
import { bindingName } from '../model/worker-module.ts'
import { keptBindings, kindOf, removedBindings } from './current-state/index.ts'

/** The current state of the script that the plan targets. */
interface CurrentState {
  state: AppState
  classes: string[]
  /** The application of the plan's container. */
  application: ContainerApplication | undefined
  /** The application of a class that the plan deletes, which is removed with it. */
  leaving: ContainerApplication | undefined
  /** The public addresses that the plan sets. */
  publication: Publication
  compatibility: Compatibility
}
type Change = PlanPreview['changes'][number]
type Draft = Pick<Plan, 'config' | 'secrets'>

/** Lists what the plan will create, replace, rename, delete or keep. */
export function changesOf(plan: Draft, found: CurrentState): Change[] {
  const { script, durableObjects, migrations } = plan.config
  const renamed = new Map(migrations.renamedClasses.map((each) => [each.to, each.from]))
  const classAction = (name: string) => {
    if (found.classes.includes(name)) return 'keep' as const
    return found.classes.includes(renamed.get(name) ?? '') ? ('rename' as const) : ('create' as const)
  }
  return [
    { kind: 'worker', name: script, action: found.state.exists ? 'replace' : 'create' },
    ...durableObjects.map((name) => ({ kind: 'durable_object', name, action: classAction(name) })),
    ...migrations.deletedClasses
      .filter((name) => found.classes.includes(name))
      .map((name) => ({ kind: 'durable_object', name, action: 'delete' as const })),
    ...containerChange(plan, found),
    ...bindingChanges(plan, found),
    ...compatibilityChanges(found),
    ...publicationChanges(plan, found),
  ]
}

function bindingChanges(plan: Draft, { state }: CurrentState): Change[] {
  const { durableObjects, environmentVars } = plan.config
  const findBinding = (type: string, name: string) =>
    state.bindings.find((each) => each.type === type && each.name === name)
  const action = (present: boolean, same = false) => {
    if (!present) return 'create' as const
    return same ? ('keep' as const) : ('replace' as const)
  }
  const variables = Object.entries(environmentVars).map(([name, text]) => {
    const binding = { type: 'plain_text', name, text }
    const present = findBinding('plain_text', name)
    const same = present?.fingerprint === fingerprintOf(binding)
    return { kind: 'variable', name, action: action(present !== undefined, same) }
  })
  const classBindings = durableObjects.map((className) => {
    const name = bindingName(className)
    const present = findBinding('durable_object_namespace', name)
    const same = present?.className === className
    return { kind: 'binding', name, action: action(present !== undefined, same) }
  })
  return [
    ...variables,
    // The cloud does not show the values of secrets, so they always count as replaced.
    ...Object.keys(plan.secrets).map((name) => ({
      kind: 'secret',
      name,
      action: action(findBinding('secret_text', name) !== undefined),
    })),
    ...classBindings,
    ...keptBindings(plan, state).map(({ type, name }) => ({
      kind: kindOf(type),
      name,
      action: 'keep' as const,
    })),
    ...removedBindings(plan, state).map(({ type, name }) => ({
      kind: kindOf(type),
      name,
      action: 'delete' as const,
    })),
  ]
}

/** Changes of compatibility settings, and those of a first deployment, which may be defaults. */
function compatibilityChanges({ state, compatibility: { date, flags } }: CurrentState): Change[] {
  const { compatibility: present } = state
  const action = state.exists ? 'replace' : 'create'
  const changed = [
    ...(present.date === date ? [] : [`compatibility date ${date}`]),
    ...(isDeepStrictEqual(present.flags.toSorted(), flags.toSorted())
      ? []
      : [`compatibility flags ${flags.join(', ') || 'none'}`]),
  ]
  return changed.map((name) => ({ kind: 'setting', name, action }))
}

function publicationChanges({ config }: Draft, { state, publication }: CurrentState): Change[] {
  const change = (kind: string, wanted: boolean | undefined, present: boolean): Change[] => {
    if (wanted === undefined || wanted === present) return []
    return [{ kind, name: config.script, action: wanted ? 'create' : 'delete' }]
  }
  return [
    ...change('workers_dev', publication.workersDev, state.workersDev),
    ...change('preview_urls', publication.previewUrls, state.previewUrls),
  ]
}

function containerChange({ config }: Draft, { application, leaving }: CurrentState): Change[] {
  const { script, container } = config
  if (leaving !== undefined) return [{ kind: 'container', name: leaving.name, action: 'delete' }]
  if (container === undefined) return []
  if (application === undefined) return [{ kind: 'container', name: script, action: 'create' }]
  const same =
    application.image.endsWith(container.digest) &&
    application.instanceType === container.instanceType &&
    application.maxInstances === container.maxInstances
  return [{ kind: 'container', name: application.name, action: same ? 'keep' : 'replace' }]
}

/**
 * Whether a rollback can restore what the plan changes. Bindings, variables and secrets belong to a version and return
 * with it, even if the plan removes them. Only changes of Durable Object classes cannot be rolled back.
 */
export function reversibleOf(plan: Draft, found: CurrentState): PlanPreview['reversible'] {
  if (!found.state.exists) return { value: true, reasons: [] }
  const { durableObjects, migrations } = plan.config
  const reasons = [
    ...durableObjects
      .filter((name) => !found.classes.includes(name))
      .map((name) => `creates or renames to the class ${name}`),
    ...migrations.deletedClasses
      .filter((name) => found.classes.includes(name))
      .map((name) => `deletes the class ${name} and its data`),
  ]
  return { value: reasons.length === 0, reasons }
}
