import type { AppState, BindingKind, PresentBinding } from '../../model/app-state.ts'
import type { PlanConfig, PlanHead } from '../../model/plan.ts'
import { bindingName } from '../../model/worker-module.ts'

/** Types whose values the cloud keeps to itself. */
export const secretTypes = ['secret_text', 'secret_key']

/** A variable is text that everybody may read; a secret is one that nobody can; all else is a binding. */
export function kindOf(type: string): BindingKind {
  if (type === 'plain_text' || type === 'json') return 'variable'
  return secretTypes.includes(type) ? 'secret' : 'binding'
}

type BindingPlan = { config: PlanConfig; secrets: PlanHead['secrets'] }

/** The names that a plan binds, and to what. */
export function plannedBindings({ config, secrets }: BindingPlan): Map<string, BindingKind> {
  return new Map<string, BindingKind>([
    ...config.durableObjects.map((name) => [bindingName(name), 'binding'] as const),
    ...Object.keys(config.environmentVars).map((name) => [name, 'variable'] as const),
    ...Object.keys(secrets).map((name) => [name, 'secret'] as const),
  ])
}

/**
 * Bindings that a deployment passes on as they are. A plan says all variables and Durable Object classes of its app;
 * secrets are kept until they are deleted by name, and what no plan can say (KV, D1, R2, services ...) is kept as well.
 */
export function keptBindings(plan: BindingPlan, state: Pick<AppState, 'bindings'>): PresentBinding[] {
  const { deleteSecrets = [] } = plan.config
  const planned = plannedBindings(plan)
  return state.bindings.filter(
    (each) =>
      !planned.has(each.name) &&
      kindOf(each.type) !== 'variable' &&
      !isOwnClass(each, plan.config.script) &&
      !(kindOf(each.type) === 'secret' && deleteSecrets.includes(each.name)),
  )
}

/** Bindings that a deployment takes away: nothing of the same name and kind is in its place. */
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
    // Told as the end of the class.
    if (isOwnClass(each, plan.config.script) && leaving.has(className ?? '')) return false
    return !kept.has(each) && planned.get(name) !== kindOf(type)
  })
}

const isOwnClass = ({ type, scriptName = '' }: PresentBinding, script: string) =>
  type === 'durable_object_namespace' && (scriptName === '' || scriptName === script)

/**
 * How an upload says what stays. Each binding is named with the version that it is taken from, since by itself the
 * cloud takes from the newest version, which may be one that was rolled back or never served.
 */
export function inherited(kept: PresentBinding[]): Record<string, unknown>[] {
  return kept.map(({ type, name, versionId }) =>
    type === 'assets' ? { type, name } : { type: 'inherit', name, version_id: versionId },
  )
}
