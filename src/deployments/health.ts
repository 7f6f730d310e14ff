import type { Knex } from 'knex'
import { fetch } from 'undici'
import { createOutgoing } from '../platform/outgoing.ts'
import { countLive } from './store/index.ts'
import type { Targets } from './target.ts'

interface ServiceHealth {
  status: 'healthy' | 'degraded' | 'unhealthy' | 'not_configured'
  /** Milliseconds. */
  responseTime: number | null
  lastCheck: string
  issues?: string[]
}

export interface DeploymentHealth {
  report(): Promise<{
    healthy: boolean
    services: Record<'cloudflare' | 'github' | 'container_registry', ServiceHealth>
    activeDeployments: number
    queuedDeployments: number
  }>
}

const cacheMs = 15_000
const budgetMs = 2000
const slowMs = 1000

/** Probes what deployments depend on, at most every 15 s, and only by calls that need no credential. */
export function createDeploymentHealth(db: Knex, targets: Targets): DeploymentHealth {
  let probed: { at: number; result: Promise<ServiceHealth> } | undefined

  function cloudflare(): Promise<ServiceHealth> {
    if (probed === undefined || Date.now() - probed.at > cacheMs)
      probed = { at: Date.now(), result: probe(targets) }
    return probed.result
  }

  return {
    async report() {
      const [cloud, live] = await Promise.all([cloudflare(), countLive(db)])
      const idle: ServiceHealth = { status: 'not_configured', responseTime: null, lastCheck: cloud.lastCheck }
      return {
        healthy: cloud.status === 'healthy' || cloud.status === 'degraded',
        services: { cloudflare: cloud, github: idle, container_registry: idle },
        activeDeployments: live.active,
        queuedDeployments: live.queued,
      }
    },
  }
}

async function probe(targets: Targets): Promise<ServiceHealth> {
  const startedAt = performance.now()
  const lastCheck = new Date().toISOString()
  const dispatcher = createOutgoing()
  try {
    const { baseUrl } = await targets.of('production')
    const response = await fetch(`${baseUrl}/ips`, { dispatcher, signal: AbortSignal.timeout(budgetMs) })
    await response.body?.cancel()
    const responseTime = Math.round(performance.now() - startedAt)
    if (response.status === 429)
      return { status: 'degraded', responseTime, lastCheck, issues: ['Rate limited'] }
    if (!response.ok) {
      return { status: 'unhealthy', responseTime, lastCheck, issues: [`HTTP ${response.status}`] }
    }
    if (responseTime > slowMs) {
      return { status: 'degraded', responseTime, lastCheck, issues: ['High response times detected'] }
    }
    return { status: 'healthy', responseTime, lastCheck }
  } catch {
    const responseTime = Math.round(performance.now() - startedAt)
    return { status: 'unhealthy', responseTime, lastCheck, issues: ['No answer'] }
  } finally {
    await dispatcher.destroy()
  }
}
