import type { AppState, BindingKind, PresentBinding } from '../../model/app-state.ts'
import type { PlanConfig, PlanHead } from '../../model/plan.ts'
import { bindingName } from '../../model/worker-module.ts'

/** Binding types whose values the cloud does not show. */
export const secretTypes = ['secret_text', 'secret_key']

/** Binding types of readable variables. */
export const variableTypes = ['plain_text', 'json']

/** The kind of a binding type: a readable text is a variable, an unreadable one a secret, all others are bindings. */
export function kindOf(type: string): BindingKind {
  if (variableTypes.includes(type)) return 'variable'
  return secretTypes.includes(type) ? 'secret' : 'binding'
}

type BindingPlan = { config: PlanConfig; secrets: PlanHead['secrets'] }

/** The binding names of a plan with their kinds. */
export function plannedBindings({ config, secrets }: BindingPlan): Map<string, BindingKind> {
  return new Map<string, BindingKind>([
    ...config.durableObjects.map((name) => [bindingName(name), 'binding'] as const),
    ...Object.keys(config.environmentVars).map((name) => [name, 'variable'] as const),
    ...(config.bindings ?? []).map(({ type, name }) => [name, kindOf(type)] as const),
    ...Object.keys(secrets).map((name) => [name, 'secret'] as const),
  ])
}

/**
 * The bindings that a deployment keeps unchanged. Secrets are kept until they are deleted by name, variables if the plan
 * says so. A plan with `bindings` lists all others; a plan without them contains the classes of its app, and keeps
 * bindings of other types.
 */
export function keptBindings(plan: BindingPlan, state: Pick<AppState, 'bindings'>): PresentBinding[] {
  const { deleteSecrets = [], keepVars = false, bindings, script } = plan.config
  const planned = plannedBindings(plan)
  const keepsOthers = bindings === undefined
  return state.bindings.filter((each) => {
    if (planned.has(each.name)) return false
    const kind = kindOf(each.type)
    if (kind === 'secret') return !deleteSecrets.includes(each.name)
    if (kind === 'variable') return keepVars
    return keepsOthers && !isOwnClass(each, script)
  })
}

/** The bindings that a deployment removes: the plan has none of the same name and kind. */
export function removedBindings(plan: BindingPlan, state: Pick<AppState, 'bindings'>): PresentBinding[] {
  const { migrations } = plan.config
  const planned = plannedBindings(plan)
  const kept = new Set(keptBindings(plan, state))
  const leaving = new Set([
    ...migrations.deletedClasses,
    ...migrations.renamedClasses.map((each) => each.from),
  ])
  return state.bindings.filter((each) => {
    const { name, type, className } = each
    // The preview lists it as the deletion or renaming of the class.
    if (isOwnClass(each, plan.config.script) && leaving.has(className ?? '')) return false
    return !kept.has(each) && planned.get(name) !== kindOf(type)
  })
}

const isOwnClass = ({ type, scriptName = '' }: PresentBinding, script: string) =>
  type === 'durable_object_namespace' && (scriptName === '' || scriptName === script)

/**
 * The upload's entries for kept bindings. Each names the version to inherit from, because the cloud's default is the
 * newest version, which may have been rolled back or may never have served.
 */
export function inherited(kept: PresentBinding[]): Record<string, unknown>[] {
  return kept.map(({ type, name, versionId }) =>
    type === 'assets' ? { type, name } : { type: 'inherit', name, version_id: versionId },
  )
}
