import { z } from 'zod'
import { count, eventOf, time } from '../../../platform/operations/index.ts'
import { statuses } from '../../model/states.ts'
import { bindingReturn, environment, percentage, step } from './envelope.ts'

const status = z.enum(statuses)
const name = z.string().describe('The title of the step')

const fault = z
  .strictObject({
    code: z.string(),
    message: z.string(),
    retryable: z.boolean().optional(),
    suggestedAction: z.string().optional(),
  })
  .nullable()
  .describe('Why it failed')

const stepFields = {
  name,
  step,
  status: z.enum(['pending', 'running', 'completed', 'failed']),
  skipped: z.literal(true).optional(),
  attempt: count,
  startTime: time.nullable(),
  endTime: time.nullable(),
  error: z.string().nullable(),
}

const urls = z
  .strictObject({ staging: z.string().nullable(), production: z.string().nullable() })
  .describe("The app's address in each environment")

const rollbackInfo = z
  .strictObject({
    available: z.boolean(),
    previousVersion: z.string().nullable(),
    reasons: z.array(z.string()).optional(),
  })
  .meta({ id: 'RollbackInfo' })

/** The body of `createDeployment`. */
export const deployment = z
  .strictObject({
    deploymentId: z.uuid(),
    jobId: z.uuid().optional().describe('Absent if the deployment was started before'),
    appName: z.string(),
    environment,
    status,
    steps: z.array(z.strictObject(stepFields).meta({ id: 'DeploymentStep' })),
    urls,
    rollbackInfo,
  })
  .meta({ id: 'Deployment' })

export const summary = z
  .strictObject({
    deploymentId: z.uuid(),
    appName: z.string(),
    environment,
    status,
    digest: z.string(),
    version: z.string().nullable(),
    dryRun: z.boolean(),
    error: fault,
    createdAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'DeploymentSummary' })

/** The project that a plan was made from. */
export const source = z
  .strictObject({
    tool: z.literal('wrangler'),
    version: z.string(),
    whose: z.enum(['project', 'capstan']),
    configPath: z.string(),
    environment: z.string().nullable(),
    redirected: z.boolean(),
    gitCommit: z.string().optional(),
  })
  .meta({ id: 'DeploymentSource' })

const completedStep = z.strictObject({
  name,
  step,
  status: z.literal('completed'),
  duration: z.number().describe('Seconds'),
  skipped: z.literal(true).optional(),
})

const traffic = z
  .strictObject({
    percentage,
    since: time.nullable(),
    check: z.enum(['running', 'proven', 'not_proven', 'failed']),
    nextPercentage: percentage.nullable(),
    nextAt: time.nullable(),
  })
  .meta({ id: 'DeploymentTraffic' })

const rollback = z
  .strictObject({
    rollbackId: z.uuid(),
    byHand: z.boolean(),
    reason: z.string().nullable(),
    targetVersion: z.string().nullable(),
    steps: z.array(
      z.strictObject({
        name,
        step,
        status: z.enum(['pending', 'running', 'completed', 'failed']),
        note: z.string().nullable(),
        error: z.string().nullable(),
      }),
    ),
    bindings: bindingReturn.optional(),
  })
  .meta({ id: 'DeploymentRollback' })

/** The body of `getDeploymentStatus`. */
export const deploymentStatus = z
  .strictObject({
    deploymentId: z.uuid(),
    status,
    progress: z.strictObject({ current: count, total: count, percentage }),
    currentStep: z.strictObject({ ...stepFields, logs: z.array(z.string()) }).nullable(),
    completedSteps: z.array(completedStep),
    error: fault,
    urls,
    traffic: traffic.nullable(),
    rollbackInfo,
    rollback: rollback.nullable(),
    metadata: z.strictObject({
      dryRun: z.boolean(),
      appName: z.string(),
      environment,
      startTime: time,
      endTime: time.nullable(),
      estimatedCompletion: time.nullable(),
      version: z.string().nullable(),
      source: source.optional(),
    }),
  })
  .meta({ id: 'DeploymentStatus' })

const line = z
  .strictObject({ timestamp: time, level: z.enum(['info', 'warn', 'error']), message: z.string() })
  .meta({ id: 'DeploymentLogLine' })
const stepChange = z
  .strictObject({
    timestamp: time,
    step,
    name,
    status: z.enum(['running', 'completed', 'failed']),
    skipped: z.boolean(),
    attempt: count.optional(),
  })
  .meta({ id: 'DeploymentStepChange' })
const end = z.strictObject({ deploymentId: z.uuid(), status }).meta({ id: 'DeploymentEnd' })

export const deploymentEvent = z
  .union([
    eventOf('message', line),
    eventOf('step', stepChange),
    eventOf('end', end),
    eventOf('end-of-attempt', end),
  ])
  .meta({ id: 'DeploymentEvent' })

const id = count.describe('The number of the event')
/** The same events as a list. */
export const logPage = z
  .strictObject({
    logs: z.array(
      z.union([
        line.extend({ id, type: z.literal('log') }).meta({ id: 'LoggedLine' }),
        stepChange.extend({ id, type: z.literal('step') }).meta({ id: 'LoggedStepChange' }),
        end.extend({ id, type: z.literal('end') }).meta({ id: 'LoggedEnd' }),
      ]),
    ),
    nextAfter: count.nullable().describe('`after` of the next page'),
  })
  .meta({ id: 'DeploymentLogPage' })
