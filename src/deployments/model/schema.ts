import { z } from 'zod'
import { config } from './request/config.ts'
import { appName, environment } from './request/names.ts'
import { statuses } from './states.ts'

export type { PrepareConfig } from './request/config.ts'
export { appName, environment } from './request/names.ts'

export const prepareBody = z.strictObject({ environment, config })

/** The shares of traffic in percent that a new version gets one after the other. */
const traffic = z.strictObject({
  steps: z
    .array(z.number().int().min(1).max(100))
    .min(1)
    .max(20)
    .refine((steps) => steps.at(-1) === 100, 'must end with 100')
    .refine((steps) => steps.every((step, at) => step > (steps[at - 1] ?? 0)), 'must rise'),
  everySeconds: z.number().int().min(1).max(86_400),
})

export const deployOptions = z
  .strictObject({
    dryRun: z.boolean().default(false),
    rollbackOnFailure: z.boolean().default(true),
    maxRetries: z.number().int().min(0).max(10).default(3),
    /** Deploys content even if it was rolled back before. */
    force: z.boolean().default(false),
    traffic: traffic.optional(),
  })
  .prefault({})
export type DeployOptions = z.output<typeof deployOptions>

const deploymentId = z.uuid('expected a deployment id')

export const deployBody = z.strictObject({ deploymentId, environment, options: deployOptions })
export const idParams = z.object({ id: deploymentId })
export const targetParams = z.object({ app: appName, environment })
export const listQuery = z.strictObject({
  app: appName.optional(),
  environment: environment.optional(),
  status: z.enum(statuses).optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})
export const logsQuery = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
})

export const metricsQuery = z.strictObject({ hours: z.coerce.number().int().min(1).max(8760).default(24) })

const noBody = {}
const targetVersion = z.uuid('expected the id of a version or a deployment').optional()
export const rollbackBody = z
  .strictObject({ reason: z.string().max(1000).optional(), targetVersion })
  .prefault(noBody)
export const rollbackQuery = z.strictObject({ targetVersion })
export const retryBody = z
  .strictObject({
    stepName: z.string().max(100).optional(),
    maxRetries: z.number().int().min(1).max(10).optional(),
  })
  .prefault(noBody)
export const cancelBody = z.strictObject({}).prefault(noBody)
export const deleteAppBody = z.strictObject({ confirm: z.string().max(100) })

/** `before` is the number of attempts that earlier jobs of this step have made. */
export const deployStepPayload = z.strictObject({
  deploymentId,
  step: z.string(),
  before: z.number().int().min(0).default(0),
})
export const deploymentPayload = z.strictObject({ deploymentId })
export const deleteAppPayload = z.strictObject({ app: appName, environment, deletionId: z.uuid() })
