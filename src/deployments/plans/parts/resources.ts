import { dependencyFailed } from '../../../platform/errors.ts'
import { CloudError } from '../../cloudflare/errors.ts'
import type { PlanConfig } from '../../model/plan.ts'
import { type BindingRequest, provisionedType } from '../../model/request/bindings.ts'
import { givenId, resourceLabels, wantedResources } from '../../model/request/resources.ts'
import type { Target } from '../../targets/targets.ts'

/** The ids of resources by `WantedResource.key`; null for those that the deployment creates. */
export type FoundResources = Record<string, string | null>

interface ResourceQuery {
  config: PlanConfig
  target: Pick<Target, 'resources'>
  /** All scripts of the account. */
  scripts: string[]
  signal: AbortSignal
}

/**
 * Finds the resources that a plan refers to by name, and checks that those with given ids exist.
 * @throws STATE_003 (424) naming the bindings of resources that do not exist and are not created
 */
export async function lookUpResources(query: ResourceQuery): Promise<FoundResources> {
  const { config, target, signal } = query
  const wanted = wantedResources(config)
  const found = await Promise.all(wanted.map((each) => target.resources.find(each, signal)))
  const unnamed = wanted.filter(({ create }, index) => !create && found[index] === undefined)
  const missing = [
    ...unnamed.map(({ key, type, name }) => `${key} (${resourceLabels[type]} ${name})`),
    ...(await missingGiven(query)),
  ]
  if (missing.length > 0) {
    throw dependencyFailed(`Resources of these bindings do not exist: ${missing.join(', ')}`, {
      details: { bindings: missing, checks: { resources: 'fail', quotas: 'pass', dependencies: 'fail' } },
      retryable: false,
      suggestedAction:
        'Create the resources, correct the bindings, or let the deployment create them (provision)',
    })
  }
  return Object.fromEntries(wanted.map(({ key }, index) => [key, found[index] ?? null]))
}

async function missingGiven(query: ResourceQuery): Promise<string[]> {
  const { bindings = [] } = query.config
  const problems = await Promise.all(bindings.map((binding) => missingOf(binding, query)))
  return problems.flatMap((problem) => (problem === undefined ? [] : [problem]))
}

/** The description of a binding's resource if it does not exist. */
async function missingOf(
  binding: BindingRequest,
  { config, target, scripts, signal }: ResourceQuery,
): Promise<string | undefined> {
  const other = otherScript(binding)
  if (other !== undefined && other !== config.script && !scripts.includes(other))
    return `${binding.name} (Worker ${other})`
  const type = provisionedType(binding.type)
  const id = givenId(binding)
  if (type === undefined || id === undefined) return undefined
  const { jurisdiction } = binding
  const place = typeof jurisdiction === 'string' ? { jurisdiction } : {}
  try {
    const exists = await target.resources.exists({ type, id, ...place }, signal)
    return exists ? undefined : `${binding.name} (${resourceLabels[type]})`
  } catch (error) {
    // A token that deploys Workers need not be able to read all resources; then the upload checks the binding.
    if (error instanceof CloudError && (error.status === 401 || error.status === 403)) return undefined
    throw error
  }
}

/** The script that a binding refers to. */
function otherScript({
  type,
  service,
  script_name: script,
  environment,
}: BindingRequest): string | undefined {
  const name = type === 'service' ? service : type === 'durable_object_namespace' ? script : undefined
  return typeof name === 'string' && name !== '' && environment === undefined ? name : undefined
}
