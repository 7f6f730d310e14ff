import { type BindingRequest, type ProvisionedType, provisionedFields, provisionedType } from './bindings.ts'
import type { QueueConsumer } from './triggers.ts'

/** A resource that a binding refers to by its name. */
export interface NamedResource {
  type: ProvisionedType
  name: string
  /** The jurisdiction of an R2 bucket. */
  jurisdiction?: string
}

/** A resource that a plan finds by its name, or creates. */
export interface WantedResource extends NamedResource {
  /** The name of the binding; `queue <name>` for a queue that is only consumed. */
  key: string
  create: boolean
}

/** The resources that a request finds by name or creates, each once. */
export function wantedResources(config: {
  bindings?: BindingRequest[] | undefined
  queueConsumers?: QueueConsumer[] | undefined
}): WantedResource[] {
  const bound = (config.bindings ?? []).flatMap((binding): WantedResource[] => {
    const type = provisionedType(binding.type)
    const { provision, name: key, jurisdiction } = binding
    if (type === undefined || provision === undefined) return []
    const place = typeof jurisdiction === 'string' ? { jurisdiction } : {}
    return [{ key, type, name: provision.name, create: provision.create, ...place }]
  })
  const consumers = (config.queueConsumers ?? []).filter(({ create }) => create === true)
  const consumed = consumers.flatMap(({ queue, dead_letter_queue: dead }) =>
    [queue, ...(dead === undefined ? [] : [dead])].map(
      (name): WantedResource => ({ key: `queue ${name}`, type: 'queue', name, create: true }),
    ),
  )
  const isBound = ({ name }: WantedResource) =>
    bound.some((each) => each.type === 'queue' && each.name === name)
  const names = consumed.map(({ name }) => name)
  const others = consumed.filter((each, index) => !isBound(each) && names.indexOf(each.name) === index)
  return [...bound, ...others]
}

/** The value that identifies a binding's resource in the request; undefined if it is found by name. */
export function givenId(binding: BindingRequest): string | undefined {
  const type = provisionedType(binding.type)
  const id = type === undefined ? undefined : binding[provisionedFields[type]]
  return typeof id === 'string' ? id : undefined
}

/** The names of resource types in sentences. */
export const resourceLabels: Record<ProvisionedType, string> = {
  kv_namespace: 'KV namespace',
  d1: 'D1 database',
  r2_bucket: 'R2 bucket',
  queue: 'queue',
  dispatch_namespace: 'dispatch namespace',
}
