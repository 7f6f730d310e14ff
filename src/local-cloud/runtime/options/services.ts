import { absentBinding } from './absent.ts'
import { ofType, type Subject, type WorkerBindings } from './context.ts'

/**
 * Service bindings to a Worker of the group: requests, RPC methods of entrypoints, and `props`. The binding of the
 * version's assets is one to the Worker that serves them.
 */
export const serviceBindings: Subject = (bindings, context) => {
  const services: NonNullable<WorkerBindings['serviceBindings']> = {}
  const missing: NonNullable<WorkerBindings['wrappedBindings']> = {}
  for (const binding of ofType(bindings, 'service')) {
    const target = context.service(binding)
    if ('sentence' in target) missing[binding.name] = absentBinding(target.sentence)
    else services[binding.name] = { ...target, ...(binding.props && { props: binding.props }) }
  }
  for (const { name } of ofType(bindings, 'assets')) {
    if (context.assets !== undefined) services[name] = context.assets
  }
  return { serviceBindings: services, wrappedBindings: missing }
}
