import { delimiter } from 'node:path'
import { z } from 'zod'
import { credential, flag, httpUrl, listOf, proxyUrl } from '../platform/config/fields.ts'
import { burst, perSecond, type RateLimitRule } from '../platform/config/rate-limit.ts'
import { type Program, settingGroup } from '../platform/config/settings.ts'
import { type ApiKeys, nameShape, readApiKeys, type TrackerMode } from './api-keys.ts'

export interface ReleaseTrackerConfig {
  mode: TrackerMode
  apiKeys: ApiKeys
  clientName: string
  envName: string
  collectEveryMs: number
  namespaces: 'all' | string[]
  /** Where the cluster's API is; undefined: none to collect. */
  cluster: { kind: 'in-cluster' } | { kind: 'kubeconfig'; files: string[] } | undefined
  /** Where a slave delivers to. */
  master: MasterConfig | undefined
  rateLimits: { admin: RateLimitRule; client: RateLimitRule }
}

export interface MasterConfig {
  /** Without a trailing slash. */
  url: string
  apiKey: string
  caFile: string | undefined
  proxyUrl: string | undefined
}

const name = z.string().regex(nameShape, 'expected letters, digits and . _ @ + - inside').optional()

const about = settingGroup('The release tracker', ['web', 'worker'])
const limits = settingGroup('Rate limits', ['web'])
const programs: Program[] = ['web', 'worker', 'migrate', 'local cloud']

export const releaseTrackerVariables = z.object({
  MODE: about(
    z.enum(['standalone', 'master', 'slave'], 'expected standalone, master or slave').default('standalone'),
    'standalone: one cluster; master: many clusters; slave: collects and pushes to a master',
    { usedBy: programs },
  ),
  API_KEYS: about(
    z.string().optional(),
    'comma-separated keys: admin:<secret>, client(<name>):<secret>, read(<name>):<secret>',
    { usedBy: ['web'], secret: true, without: 'only API tokens of users' },
  ),
  CLIENT_NAME: about(name, 'owner of the collected cluster; required on a slave', { without: 'unknown' }),
  ENV_NAME: about(name, 'environment of the collected cluster; required on a slave', { without: 'unknown' }),
  COLLECTION_INTERVAL: about(
    z.coerce
      .number('expected minutes')
      .min(1, 'expected 1 minute or more')
      .max(10_080, 'expected a week (10080 minutes) or less')
      .default(60),
    'time between two collections',
    { usedBy: ['worker'], unit: 'minutes' },
  ),
  NAMESPACES: about(z.string().default('default'), 'comma-separated namespaces to collect; * for all', {
    usedBy: ['worker'],
  }),
  // Empty, like its empty parts, says nothing: so kubectl reads it.
  KUBECONFIG: about(
    z.string().optional(),
    'configuration of the cluster to collect; not needed in one of its pods',
    { without: 'the cluster of this pod, or none' },
  ),
  IN_CLUSTER: about(
    z.enum(['true', 'false'], 'expected true or false').optional(),
    'false: use KUBECONFIG although this is a pod',
  ),
  // Set by Kubernetes in every pod.
  KUBERNETES_SERVICE_HOST: z.string().optional(),
  MASTER_URL: about(httpUrl.optional(), 'the master that a slave pushes to', { usedBy: ['worker'] }),
  MASTER_API_KEY: about(credential('MASTER_API_KEY'), 'client key of that master', {
    usedBy: ['worker'],
    secret: true,
  }),
  MASTER_CA_FILE: about(
    flag('MASTER_CA_FILE'),
    'PEM file of an additional certificate authority, for calls to the master',
    { usedBy: ['worker'] },
  ),
  PROXY_URL: about(proxyUrl.optional(), 'proxy for calls to the master, in place of HTTPS_PROXY', {
    usedBy: ['worker'],
    secret: true,
  }),
  RATE_LIMIT_TRACKER_ADMIN_PER_SECOND: limits(perSecond(100), "rate of the tracker's administrator keys", {
    unit: 'requests per second',
  }),
  RATE_LIMIT_TRACKER_ADMIN_BURST: limits(burst(500), "burst of the tracker's administrator keys", {
    unit: 'requests',
  }),
  RATE_LIMIT_TRACKER_CLIENT_PER_SECOND: limits(perSecond(100), 'rate of the keys of a client', {
    unit: 'requests per second',
  }),
  RATE_LIMIT_TRACKER_CLIENT_BURST: limits(burst(500), 'burst of the keys of a client', { unit: 'requests' }),
})
type Variables = z.infer<typeof releaseTrackerVariables>

export function releaseTrackerConfig(vars: Variables, faults: string[]): ReleaseTrackerConfig {
  const { MODE: mode } = vars
  return {
    mode,
    apiKeys: readApiKeys(vars.API_KEYS, mode, faults),
    clientName: vars.CLIENT_NAME ?? 'unknown',
    envName: vars.ENV_NAME ?? 'unknown',
    collectEveryMs: vars.COLLECTION_INTERVAL * 60_000,
    namespaces: namespacesOf(vars.NAMESPACES, faults),
    cluster: clusterOf(vars, faults),
    master: mode === 'slave' ? masterOf(vars, faults) : undefined,
    rateLimits: {
      admin: {
        perSecond: vars.RATE_LIMIT_TRACKER_ADMIN_PER_SECOND,
        burst: vars.RATE_LIMIT_TRACKER_ADMIN_BURST,
      },
      client: {
        perSecond: vars.RATE_LIMIT_TRACKER_CLIENT_PER_SECOND,
        burst: vars.RATE_LIMIT_TRACKER_CLIENT_BURST,
      },
    },
  }
}

function namespacesOf(text: string, faults: string[]): 'all' | string[] {
  const names = [...new Set(listOf(text))]
  if (names.includes('*')) return 'all'
  if (names.length === 0 || names.some((each) => !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(each)))
    faults.push('NAMESPACES: expected names of namespaces, comma-separated, or *')
  return names
}

function clusterOf(vars: Variables, faults: string[]): ReleaseTrackerConfig['cluster'] {
  const inside = vars.KUBERNETES_SERVICE_HOST !== undefined
  if (vars.IN_CLUSTER === 'true' && !inside)
    faults.push('IN_CLUSTER: true, but this is no pod of a cluster (KUBERNETES_SERVICE_HOST is not set)')
  if (inside && vars.IN_CLUSTER !== 'false') return { kind: 'in-cluster' }
  const files = vars.KUBECONFIG?.split(delimiter).filter(Boolean) ?? []
  return files.length === 0 ? undefined : { kind: 'kubeconfig', files }
}

function masterOf(vars: Variables, faults: string[]): MasterConfig | undefined {
  const needed = ['CLIENT_NAME', 'ENV_NAME', 'MASTER_URL', 'MASTER_API_KEY'] as const
  for (const each of needed) {
    if (vars[each] === undefined && !faults.some((fault) => fault.startsWith(`${each}:`)))
      faults.push(`${each}: required when MODE is slave`)
  }
  const { MASTER_URL: url, MASTER_API_KEY: apiKey } = vars
  if (url === undefined || apiKey === undefined) return undefined
  return { url: url.replace(/\/+$/, ''), apiKey, caFile: vars.MASTER_CA_FILE, proxyUrl: vars.PROXY_URL }
}
