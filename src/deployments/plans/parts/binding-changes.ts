import { fingerprintOf } from '../../cloudflare/binding-fingerprint.ts'
import type { AppState, PresentBinding } from '../../model/app-state.ts'
import type { Plan, PlannedChange } from '../../model/plan.ts'
import {
  type BindingRequest,
  isKnownType,
  provisionedFields,
  provisionedType,
} from '../../model/request/bindings.ts'
import { bindingName } from '../../model/worker-module.ts'
import { keptBindings, kindOf, removedBindings } from '../current-state/index.ts'
import type { FoundResources } from './resources.ts'

type Draft = Pick<Plan, 'config' | 'secrets'>
interface Found {
  state: Pick<AppState, 'bindings'>
  resources: FoundResources
}

/** Lists every binding that a plan creates, replaces, keeps or deletes. */
export function bindingChanges(plan: Draft, found: Found): PlannedChange[] {
  const { durableObjects, environmentVars, bindings = [] } = plan.config
  const { state } = found
  const present = (name: string, type: string) =>
    state.bindings.find((each) => each.name === name && kindOf(each.type) === kindOf(type))
  const action = (existing: PresentBinding | undefined, same: boolean) =>
    existing === undefined ? 'create' : same ? 'keep' : 'replace'
  return [
    ...Object.entries(environmentVars).map(([name, text]): PlannedChange => {
      const existing = present(name, 'plain_text')
      const same = existing?.fingerprint === fingerprintOf({ type: 'plain_text', name, text })
      return { kind: 'variable', name, action: action(existing, same) }
    }),
    // The cloud does not show the values of secrets, so they always count as replaced.
    ...Object.keys(plan.secrets).map(
      (name): PlannedChange => ({
        kind: 'secret',
        name,
        action: action(present(name, 'secret_text'), false),
      }),
    ),
    ...durableObjects.map((className): PlannedChange => {
      const name = bindingName(className)
      const existing = present(name, 'durable_object_namespace')
      return { kind: 'binding', name, action: action(existing, existing?.className === className) }
    }),
    ...bindings.map((binding): PlannedChange => {
      const existing = present(binding.name, binding.type)
      const kind = kindIn(binding.type)
      const note = isKnownType(binding.type) ? {} : { note: 'passed through unchanged' }
      return { kind, name: binding.name, action: action(existing, isSame(binding, existing, found)), ...note }
    }),
    ...listed(keptBindings(plan, state), 'keep', plan),
    ...listed(removedBindings(plan, state), 'delete', plan),
  ]
}

/** A variable, or else the type of the binding. */
const kindIn = (type: string) => (kindOf(type) === 'binding' ? type : kindOf(type))

/** A plan with `bindings` names them by type, as it does with its own. */
const listed = (bindings: PresentBinding[], action: 'keep' | 'delete', { config }: Draft): PlannedChange[] =>
  bindings.map(({ type, name }) => ({
    kind: config.bindings === undefined ? kindOf(type) : kindIn(type),
    name,
    action,
  }))

function isSame(
  { provision, ...binding }: BindingRequest,
  existing: PresentBinding | undefined,
  { resources }: Found,
): boolean {
  if (existing === undefined || existing.type !== binding.type) return false
  // The cloud adds the namespace, which the class determines.
  if (binding.type === 'durable_object_namespace') {
    return (
      existing.className === binding.class_name && (existing.scriptName ?? '') === (binding.script_name ?? '')
    )
  }
  const type = provisionedType(binding.type)
  if (provision === undefined || type === undefined) return existing.fingerprint === fingerprintOf(binding)
  const id = resources[binding.name] ?? null
  return id !== null && existing.fingerprint === fingerprintOf({ ...binding, [provisionedFields[type]]: id })
}
