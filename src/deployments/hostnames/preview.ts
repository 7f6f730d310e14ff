import { CodedError } from '../../platform/errors.ts'
import { type HostnameState, inspectHostname, obstacleOf, type ZoneAccess } from './inspect.ts'

export interface HostnameChange {
  kind: 'hostname' | 'dns_record'
  name: string
  action: 'create' | 'keep'
}

/**
 * The changes of a plan to its host names.
 * @throws STATE_003 (424) for missing zones, STATE_001 (409) for host names in use; each names all of them
 */
export async function previewHostnames(
  access: ZoneAccess,
  plan: { hostnames: string[]; script: string },
): Promise<HostnameChange[]> {
  const states = await Promise.all(plan.hostnames.map((text) => inspectHostname(access, text)))
  const obstacles = states.flatMap((each) => obstacleOf(each, plan.script) ?? [])
  for (const kind of ['dependency', 'conflict'] as const) {
    const problems = obstacles.filter((each) => each.kind === kind).map(({ problem }) => problem)
    if (problems.length > 0) throw refusal(kind, problems)
  }
  return states.flatMap(changesOf)
}

function changesOf({ kind, text, host, leadsTo, records }: HostnameState): HostnameChange[] {
  const own = {
    kind: 'hostname' as const,
    name: text,
    action: leadsTo === undefined ? 'create' : 'keep',
  } as const
  const needsRecord = kind === 'route' && records.length === 0
  return needsRecord ? [own, { kind: 'dns_record', name: host, action: 'create' }] : [own]
}

function refusal(kind: 'dependency' | 'conflict', problems: string[]): CodedError {
  const [code, failed] =
    kind === 'dependency' ? (['STATE_003', 'dependencies'] as const) : (['STATE_001', 'resources'] as const)
  const checks = { resources: 'pass', quotas: 'pass', dependencies: 'pass', [failed]: 'fail' }
  return new CodedError(code, problems.join('; '), {
    retryable: false,
    details: { checks, problems },
    suggestedAction:
      kind === 'dependency'
        ? 'Add the zone to the account and wait until it is active, or omit the host name'
        : 'Remove the route, custom domain or DNS record of the host name, or omit the host name',
  })
}
