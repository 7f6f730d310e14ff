import { absentBinding } from './absent.ts'
import { ofType, type Subject } from './context.ts'

/** Durable Objects of the script itself or of another one. */
export const objectBindings: Subject = (bindings, context) => {
  const all = ofType(bindings, 'durable_object_namespace').map((binding) => ({
    ...binding,
    target: context.objects(binding),
  }))
  const found = all.flatMap(({ name, target }) => ('sentence' in target ? [] : [[name, target] as const]))
  const missing = all.flatMap(({ name, target }) =>
    'sentence' in target ? [[name, absentBinding(target.sentence)] as const] : [],
  )
  return { durableObjects: Object.fromEntries(found), wrappedBindings: Object.fromEntries(missing) }
}
