import { absentBinding } from '../options/absent.ts'
import { ofType, type Subject, type WorkerBindings } from '../options/context.ts'

/** Bindings to workflows of the script itself or of another one. */
export const workflowBindings: Subject = (bindings, context) => {
  const wrapped: NonNullable<WorkerBindings['wrappedBindings']> = {}
  for (const binding of ofType(bindings, 'workflow')) {
    const target = context.workflow(binding)
    wrapped[binding.name] =
      'sentence' in target ? absentBinding(target.sentence) : { scriptName: target.name, bindings: {} }
  }
  return { wrappedBindings: wrapped }
}
