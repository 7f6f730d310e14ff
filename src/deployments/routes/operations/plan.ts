import { z } from 'zod'
import { count, time } from '../../../platform/operations/index.ts'
import { source } from './deployment.ts'
import { step } from './envelope.ts'

const verdict = z.enum(['pass', 'fail'])

const change = z
  .strictObject({
    kind: z.string(),
    name: z.string(),
    action: z.enum(['create', 'replace', 'rename', 'delete', 'keep']),
    binding: z.string().optional(),
    note: z.string().optional(),
  })
  .meta({ id: 'PlannedChange' })

const cost = z
  .strictObject({
    monthly: z.number(),
    currency: z.literal('USD'),
    details: z.strictObject({
      asOf: z.string(),
      assumptions: z.array(z.string()),
      parts: z.record(z.string(), z.number()),
    }),
  })
  .meta({ id: 'CostEstimate' })

/** The body of `prepareDeployment`. */
export const preparedPlan = z
  .strictObject({
    prepared: z.literal(true),
    deploymentId: z.uuid().describe('The id of the plan, and of its deployment'),
    checks: z.strictObject({ resources: verdict, quotas: verdict, dependencies: verdict }),
    estimatedCost: cost,
    plan: z.strictObject({
      digest: z.string().describe('The same for plans with the same effects'),
      steps: z.array(z.strictObject({ step, name: z.string() })),
      changes: z.array(change),
      source: source.optional(),
      addresses: z.strictObject({
        workersDev: z.boolean(),
        previewUrls: z.boolean(),
        healthCheck: z.string().nullable(),
      }),
      checkBeforeTraffic: z
        .strictObject({
          possible: z.boolean(),
          reason: z.string().nullable(),
          proof: z.enum(['response_header', 'live_log']).nullable(),
        })
        .nullable(),
      quarantined: z.boolean().describe('True for content that was rolled back before'),
    }),
    reversible: z.strictObject({ value: z.boolean(), reasons: z.array(z.string()) }),
    expiresAt: time,
  })
  .meta({ id: 'Plan' })

const seconds = z.number().nullable()

export const metrics = z
  .strictObject({
    hours: count,
    deployments: z.strictObject({
      total: count,
      completed: count,
      failed: count,
      rolledBack: count,
      cancelled: count,
      medianSeconds: seconds,
      p95Seconds: seconds,
      steps: z.array(
        z.strictObject({ step: z.string(), name: z.string(), medianSeconds: seconds, retries: count }),
      ),
    }),
    errors: z.array(z.strictObject({ code: z.string(), count, lastAt: time })),
    resources: z.strictObject({
      queueDepth: count,
      oldestWaitingSeconds: seconds,
      workers: count.nullable(),
      queues: z.array(
        z.strictObject({
          queue: z.string(),
          workers: count.nullable(),
          waiting: count,
          delayed: count,
          active: count,
        }),
      ),
      database: z.strictObject({ sizeBytes: z.number(), connections: count, maxConnections: count }),
      disk: z.strictObject({ totalBytes: z.number(), freeBytes: z.number() }).nullable(),
    }),
  })
  .meta({ id: 'DeploymentMetrics' })

const service = z
  .strictObject({
    status: z.enum(['healthy', 'degraded', 'unhealthy', 'not_configured']),
    responseTime: count.nullable().describe('Milliseconds'),
    lastCheck: time,
    issues: z.array(z.string()).optional(),
  })
  .meta({ id: 'ServiceHealth' })

export const deploymentHealth = z
  .strictObject({
    healthy: z.boolean(),
    services: z.strictObject({ cloudflare: service, github: service, container_registry: service }),
    activeDeployments: count,
    queuedDeployments: count,
  })
  .meta({ id: 'DeploymentHealth' })
