import { ApiError, type Refusal } from '../../errors.ts'
import type { Binding } from '../../store/bindings.ts'
import type { Store } from '../../store/index.ts'

/** Finds what bindings refer to. */
export interface Targets {
  /** The script to which the bindings belong. It may bind itself before it exists. */
  scriptName: string
  store: Store
}

/**
 * Checks that everything exists that the bindings refer to.
 * @throws ApiError 10041, 10061, 10085, 10143, 10144 or 10181
 */
export function checkTargets(bindings: Binding[], targets: Targets): void {
  for (const binding of bindings) {
    const [refusal, detail] = problemOf(binding, targets) ?? []
    if (refusal !== undefined) throw new ApiError(refusal, `binding ${binding.name}: ${detail}`)
  }
}

function problemOf(binding: Binding, { scriptName, store }: Targets): [Refusal, string] | undefined {
  const { resources } = store
  switch (binding.type) {
    case 'kv_namespace':
      return resources.namespace(binding.namespace_id) === undefined
        ? ['boundNamespaceMissing', `KV namespace '${binding.namespace_id}' was not found.`]
        : undefined
    case 'r2_bucket':
      return resources.bucket(binding.bucket_name) === undefined
        ? ['boundBucketMissing', `R2 bucket '${binding.bucket_name}' was not found.`]
        : undefined
    case 'd1':
      return resources.database(binding.id) === undefined
        ? ['boundDatabaseMissing', `D1 database '${binding.id}' was not found.`]
        : undefined
    case 'service':
      return binding.service === scriptName ? undefined : serviceProblem(binding, store)
    case 'durable_object_namespace':
      return binding.script_name === undefined ? undefined : classProblem(binding, store)
    case 'workflow':
      return workflowProblem(binding, scriptName, store)
    default:
      return undefined
  }
}

/** The workflow of the script itself is defined after the upload, that of another script must exist. */
function workflowProblem(
  { script_name: owner, workflow_name: name }: Extract<Binding, { type: 'workflow' }>,
  scriptName: string,
  store: Store,
): [Refusal, string] | undefined {
  if (owner === undefined || owner === scriptName || store.workflows.named(name) !== undefined)
    return undefined
  return ['workflowNotFound', `The workflow '${name}' of script '${owner}' was not found.`]
}

type BoundService = Extract<Binding, { type: 'service' }>
type BoundClass = Extract<Binding, { type: 'durable_object_namespace' }>

function serviceProblem({ service, entrypoint }: BoundService, store: Store): [Refusal, string] | undefined {
  const script = store.scripts.find(service)
  const latest = script && store.versions.latest(script.id)
  if (latest === undefined)
    return ['boundServiceMissing', `Could not resolve service binding. Script '${service}' not found.`]
  if (entrypoint === undefined || entrypoint === 'default') return undefined
  if (latest.code.namedHandlers.some(({ name }) => name === entrypoint)) return undefined
  return ['boundEntrypointMissing', `Script '${service}' has no entrypoint named '${entrypoint}'.`]
}

function classProblem(binding: BoundClass, store: Store): [Refusal, string] | undefined {
  const { script_name: name = '', class_name: className } = binding
  const script = store.scripts.find(name)
  if (script === undefined)
    return ['boundServiceMissing', `Could not resolve Durable Object binding. Script '${name}' not found.`]
  const isPresent = store.scripts.namespaces(script.id).some((each) => each.className === className)
  if (isPresent) return undefined
  const problem = `because script '${name}' is not configured to implement it as a Durable Object.`
  return ['classNotConfigured', `Cannot create binding for class '${className}' ${problem}`]
}
