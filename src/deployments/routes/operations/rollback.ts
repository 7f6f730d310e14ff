import { z } from 'zod'
import { errorCodes } from '../../../platform/error-codes.ts'
import { count, time } from '../../../platform/operations/index.ts'
import { bindingReturn, percentage } from './envelope.ts'

const madeBy = z.enum(['capstan', 'outside'])
const deploymentId = z.uuid().nullable().describe('The deployment that made the version')

const share = z
  .strictObject({ version: z.string(), percentage, deploymentId, madeBy })
  .meta({ id: 'ServingShare' })
const serving = z
  .array(share)
  .nullable()
  .describe('The versions that serve; null if the cloud could not be read')

const outcome = {
  deploymentId: z.uuid().describe('The deployment that is rolled back'),
  targetVersion: z.string().nullable(),
  targetDeployment: z.uuid().nullable(),
  replaces: serving,
  servingUnknown: z.string().nullable().describe('Why the cloud could not be read'),
  willNotUndo: z.array(z.string()),
  bindings: bindingReturn.nullable(),
}
const estimatedTime = count.describe('Seconds')

export const rollbackPreview = z
  .strictObject({ ...outcome, running: z.boolean(), estimatedTime })
  .meta({ id: 'RollbackPreview' })

export const startedRollback = z
  .strictObject({
    rollbackId: z.uuid(),
    jobId: z.uuid(),
    status: z.literal('initiated'),
    ...outcome,
    estimatedTime,
    logsAfter: count.describe('The number of the last event in the log before the rollback'),
  })
  .meta({ id: 'StartedRollback' })

const version = z
  .strictObject({
    id: z.string(),
    deploymentId,
    createdAt: time.nullable(),
    state: z.enum(['serving', 'previous', 'rolled_back', 'quarantined']),
    digest: z.string().nullable(),
    madeBy,
    percentage: percentage.nullable(),
    available: z.boolean().nullable().describe('Whether the cloud can make it serve'),
  })
  .meta({ id: 'AppVersion' })

const possibleRollback = z
  .strictObject({
    deploymentId: z.uuid(),
    available: z.boolean(),
    targetVersion: z.string().nullable(),
    targetDeployment: z.uuid().nullable(),
    replaces: serving,
    reason: z.string().nullable(),
    code: z.enum(Object.keys(errorCodes)).nullable(),
    retryable: z.boolean(),
    serves: z.boolean(),
    suggestedAction: z.string().nullable(),
  })
  .meta({ id: 'PossibleRollback' })

export const appVersions = z
  .strictObject({
    versions: z.array(version),
    serving,
    servingUnknown: z.string().nullable(),
    rollback: possibleRollback,
  })
  .meta({ id: 'AppVersions' })
