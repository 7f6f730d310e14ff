import { z } from 'zod'
import { count, jsonAnswer, type OperationDescription, time } from '../operations/index.ts'

const working = z.enum(['healthy', 'unhealthy'])

const cause = z
  .strictObject({
    part: z.enum(['database', 'queue', 'rate_limits', 'object_store', 'data_dir', 'clock', 'live_events']),
    reason: z.string().describe('For programs'),
    message: z.string().describe('For people'),
  })
  .meta({ id: 'HealthCause' })

export const waitingReleases = z
  .strictObject({
    items: count,
    since: time.describe('When the oldest began to wait'),
    reasons: z.array(z.strictObject({ reason: z.string(), items: count })),
  })
  .meta({ id: 'WaitingReleases' })

const health = z
  .strictObject({
    status: z.enum(['healthy', 'degraded', 'unhealthy']),
    service: z.string(),
    version: z.string(),
    timestamp: time,
    database: working,
    database_error: z.string().optional(),
    queue: z.enum(['healthy', 'stalled', 'unhealthy']),
    r2_connected: z.boolean(),
    causes: z.array(cause).describe('Empty if everything works'),
    waiting_releases: waitingReleases.optional(),
  })
  .meta({ id: 'Health' })

const readiness = z
  .strictObject({
    status: z.enum(['ready', 'not_ready']),
    database: working,
    redis: z.enum(['healthy', 'unhealthy', 'disabled']),
  })
  .meta({ id: 'Readiness' })

export const operations = {
  getHealth: {
    summary: 'Shows whether the service works, and why not.',
    answers: {
      200: jsonAnswer('The service works, perhaps with restrictions', health),
      503: jsonAnswer('The database cannot be read', health),
    },
  },
  getReadiness: {
    summary: 'Shows whether this process takes requests.',
    answers: {
      200: jsonAnswer('It takes requests', readiness),
      503: jsonAnswer('It does not: it starts or stops, or the database cannot be read', readiness),
    },
  },
} satisfies Record<string, OperationDescription>
