import type { Knex } from 'knex'
import { type Dispatcher, fetch } from 'undici'
import type { GitHub } from '../github/index.ts'
import { countLive } from '../store/index.ts'
import type { Target, Targets } from '../targets/targets.ts'

interface ServiceHealth {
  status: 'healthy' | 'degraded' | 'unhealthy' | 'not_configured'
  /** Milliseconds. */
  responseTime: number | null
  lastCheck: string
  issues?: string[]
}

type ServiceName = 'cloudflare' | 'github' | 'container_registry'

export interface DeploymentHealth {
  report(): Promise<{
    healthy: boolean
    services: Record<ServiceName, ServiceHealth>
    activeDeployments: number
    queuedDeployments: number
  }>
}

export interface HealthOptions {
  db: Knex
  targets: Targets
  github: Pick<GitHub, 'configured' | 'baseUrl'>
  dispatcher: Dispatcher
}

const cacheMs = 15_000
const probeTimeoutMs = 2000
const slowMs = 1000

/** Probes the services that deployments depend on: each at most every 15 s, by calls that need no credential. */
export function createDeploymentHealth(options: HealthOptions): DeploymentHealth {
  const { db, targets, github } = options
  const probed = new Map<ServiceName, { at: number; result: Promise<ServiceHealth> }>()

  function cached(name: ServiceName, urlOf: () => Promise<string | undefined>): Promise<ServiceHealth> {
    const before = probed.get(name)
    if (before !== undefined && performance.now() - before.at <= cacheMs) return before.result
    const result = urlOf().then((url) => probe(url, options.dispatcher))
    probed.set(name, { at: performance.now(), result })
    return result
  }

  return {
    async report() {
      const target = await anyTarget(targets)
      const [cloudflare, gitHub, registry, live] = await Promise.all([
        cached('cloudflare', async () => target && `${target.baseUrl}/ips`),
        cached('github', async () => (github.configured ? `${github.baseUrl}/meta` : undefined)),
        cached('container_registry', async () => registryOf(target)),
        countLive(db),
      ])
      // GitHub is optional: deployments continue without it, and their records are sent later.
      const requiredServicesUp = [cloudflare, registry].every(({ status }) => status !== 'unhealthy')
      return {
        healthy: requiredServicesUp && cloudflare.status !== 'not_configured',
        services: { cloudflare, github: gitHub, container_registry: registry },
        activeDeployments: live.active,
        queuedDeployments: live.queued,
      }
    },
  }
}

async function anyTarget(targets: Targets): Promise<Target | undefined> {
  for (const environment of ['production', 'staging'] as const) {
    try {
      return await targets.of(environment)
    } catch {
      // This environment is not configured; the other one may be.
    }
  }
  return undefined
}

/** Cloudflare's registry, if the target is Cloudflare's API; the registry of another API is unknown. */
const registryOf = (target: Target | undefined) =>
  target?.baseUrl.startsWith('https://api.cloudflare.com/')
    ? 'https://registry.cloudflare.com/v2/'
    : undefined

async function probe(url: string | undefined, dispatcher: Dispatcher): Promise<ServiceHealth> {
  const lastCheck = new Date().toISOString()
  if (url === undefined) return { status: 'not_configured', responseTime: null, lastCheck }
  const startedAt = performance.now()
  const healthOf = (status: ServiceHealth['status'], issue?: string): ServiceHealth => ({
    status,
    responseTime: Math.round(performance.now() - startedAt),
    lastCheck,
    ...(issue === undefined ? {} : { issues: [issue] }),
  })
  try {
    const headers = { 'user-agent': 'capstan' }
    const response = await fetch(url, { dispatcher, headers, signal: AbortSignal.timeout(probeTimeoutMs) })
    await response.body?.cancel()
    if (response.status === 429) return healthOf('degraded', 'Rate limited')
    // A healthy registry answers unauthenticated requests with an authentication challenge.
    const isUp = response.ok || (response.status === 401 && response.headers.has('www-authenticate'))
    if (!isUp) return healthOf('unhealthy', `HTTP ${response.status}`)
    const isSlow = performance.now() - startedAt > slowMs
    return isSlow ? healthOf('degraded', 'High response times detected') : healthOf('healthy')
  } catch {
    return healthOf('unhealthy', 'No answer')
  }
}
