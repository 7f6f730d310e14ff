import type { WorkerOptions } from 'miniflare'
import type { Binding } from '../../store/bindings.ts'
import type { BindingContext } from './context.ts'

type Vars = NonNullable<WorkerOptions['bindings']>
type Identity = BindingContext['identity']

/** The variables of a version's environment. `identity` is the value of a version_metadata binding. */
export function varsOf(bindings: Binding[], identity: Identity): Vars {
  return Object.fromEntries(bindings.flatMap((binding) => varOf(binding, identity)))
}

function varOf(binding: Binding, identity: Identity): [string, Vars[string]][] {
  switch (binding.type) {
    case 'plain_text':
    case 'secret_text':
      return [[binding.name, binding.text]]
    case 'json':
      return [[binding.name, binding.json as Vars[string]]]
    case 'version_metadata':
      return [[binding.name, { ...identity }]]
    default:
      return []
  }
}
