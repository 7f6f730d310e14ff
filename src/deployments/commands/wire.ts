import { z } from 'zod'
import { statuses } from '../model/states.ts'

// The parts of the answers that commands read; the other fields are passed through to `--json`.

/** Unwraps the success envelope of a deployment route. */
function answer<S extends z.ZodType>(data: S) {
  return z.object({ data }).transform((whole) => (whole as { data: z.output<S> }).data)
}

const urls = z.record(z.string(), z.string().nullable())
const error = z.object({ code: z.string(), message: z.string() }).nullable()

export const preparedAnswer = answer(
  z.looseObject({
    deploymentId: z.string(),
    estimatedCost: z.looseObject({ monthly: z.number(), currency: z.string() }),
    plan: z.looseObject({
      digest: z.string(),
      changes: z.array(
        z.looseObject({
          kind: z.string(),
          name: z.string(),
          action: z.string(),
          binding: z.string().optional(),
          note: z.string().optional(),
        }),
      ),
      addresses: z.looseObject({ healthCheck: z.string().nullable() }).optional(),
      checkBeforeTraffic: z.looseObject({ possible: z.boolean(), reason: z.string().nullable() }).nullish(),
    }),
    reversible: z.object({ value: z.boolean(), reasons: z.array(z.string()) }),
    expiresAt: z.string(),
  }),
)
export type PreparedAnswer = z.output<typeof preparedAnswer>

export const deployAnswer = answer(z.looseObject({ deploymentId: z.string(), status: z.enum(statuses) }))

const share = z.looseObject({
  version: z.string(),
  percentage: z.number(),
  deploymentId: z.string().nullable(),
})
const rollbackOutcome = {
  deploymentId: z.string(),
  targetVersion: z.string().nullable(),
  targetDeployment: z.string().nullable(),
  replaces: z.array(share).nullable(),
  servingUnknown: z.string().nullable(),
  willNotUndo: z.array(z.string()),
  estimatedTime: z.number(),
}
export const rollbackPreviewAnswer = answer(z.looseObject({ ...rollbackOutcome, running: z.boolean() }))
export type RollbackPreviewAnswer = z.output<typeof rollbackPreviewAnswer>
export const rollbackAnswer = answer(
  z.looseObject({ ...rollbackOutcome, rollbackId: z.string(), logsAfter: z.number() }),
)
export const retryAnswer = answer(
  z.looseObject({
    retryId: z.string(),
    step: z.string(),
    attempt: z.number(),
    maxAttempts: z.number(),
    lastAttempt: z.number().optional(),
  }),
)
export const cancelAnswer = answer(z.looseObject({ jobId: z.string() }))
export const deletionAnswer = answer(z.looseObject({ jobId: z.string(), willDelete: z.array(z.string()) }))
/** The answer of the job routes, which have no success envelope. */
export const jobAnswer = z.looseObject({ state: z.string() })

export const statusAnswer = answer(
  z.looseObject({
    deploymentId: z.string(),
    status: z.enum(statuses),
    currentStep: z
      .looseObject({ step: z.string(), startTime: z.string().nullable(), endTime: z.string().nullable() })
      .nullable(),
    completedSteps: z.array(z.looseObject({ step: z.string(), duration: z.number() })),
    error,
    urls,
    metadata: z.looseObject({
      appName: z.string(),
      environment: z.string(),
      startTime: z.string(),
      endTime: z.string().nullable(),
    }),
  }),
)
export type StatusAnswer = z.output<typeof statusAnswer>

export const appsAnswer = answer(
  z.looseObject({ apps: z.array(z.looseObject({ appName: z.string(), environment: z.string() })) }),
)

const versionRow = z.looseObject({
  id: z.string(),
  /** Null for a version made outside Capstan. */
  deploymentId: z.string().nullable(),
  createdAt: z.string().nullable(),
  state: z.string(),
  percentage: z.number().nullable(),
  available: z.boolean().nullable(),
})
export const versionsAnswer = answer(
  z.looseObject({
    versions: z.array(versionRow),
    /** The reason why the cloud could not be read; the states are then Capstan's record. */
    servingUnknown: z.string().nullable(),
    rollback: z.looseObject({
      deploymentId: z.string(),
      available: z.boolean(),
      targetVersion: z.string().nullable(),
      targetDeployment: z.string().nullable(),
      reason: z.string().nullable(),
      code: z.string().nullable().default(null),
      serves: z.boolean(),
      suggestedAction: z.string().nullable(),
    }),
  }),
)
export type VersionsAnswer = z.output<typeof versionsAnswer>

export const listAnswer = answer(
  z.looseObject({
    deployments: z.array(
      z.looseObject({
        deploymentId: z.string(),
        appName: z.string(),
        environment: z.string(),
        status: z.string(),
        dryRun: z.boolean().optional(),
        createdAt: z.string(),
        error,
      }),
    ),
    nextCursor: z.string().nullable(),
  }),
)

/** The data of a `step` event in a deployment's stream. */
export const stepData = z.object({
  step: z.string(),
  name: z.string(),
  status: z.enum(['running', 'completed', 'failed']),
  skipped: z.boolean().default(false),
  attempt: z.number().optional(),
})
export type StepData = z.output<typeof stepData>

export const logData = z.object({ level: z.string(), message: z.string() })
