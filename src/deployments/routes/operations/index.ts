import { z } from 'zod'
import { eventStream, type OperationDescription, resumeHeader } from '../../../platform/operations/index.ts'
import { credentialOperations } from './credentials.ts'
import { deployment, deploymentEvent, deploymentStatus, logPage, summary } from './deployment.ts'
import { environment, step, success } from './envelope.ts'
import { deploymentHealth, metrics, preparedPlan } from './plan.ts'
import { appVersions, rollbackPreview, startedRollback } from './rollback.ts'

const fromTheCloud = ['STATE_003', 'SYS_002', 'SYS_004'] as const

const started = { jobId: z.uuid(), status: z.literal('initiated') }
const startRollback = {
  answers: { 202: success('The rollback has started', startedRollback) },
  errors: ['STATE_001', ...fromTheCloud],
  idempotencyKey: true,
} satisfies Omit<OperationDescription, 'summary'>

const planning = {
  findMissingBlobs: {
    summary: 'Lists which contents the server does not have yet.',
    answers: {
      200: success(
        'Their digests',
        z.strictObject({ missing: z.array(z.string()) }).meta({ id: 'MissingBlobs' }),
      ),
    },
  },
  uploadBlob: {
    summary: 'Stores a content under its SHA-256, for plans that refer to it.',
    answers: { 201: success('Stored', z.strictObject({ digest: z.string() }).meta({ id: 'StoredBlob' })) },
    body: { required: true, content: { 'application/octet-stream': { bytes: true } } },
    errors: ['REQ_004', 'REQ_005', 'STATE_004'],
  },
  prepareDeployment: {
    summary: 'Checks what is to be deployed and makes a plan of it, without changing anything.',
    answers: { 200: success('The plan', preparedPlan) },
    errors: [
      ...(['AUTH_001', 'AUTH_002', 'AUTH_003', 'AUTH_004', 'DEPLOY_001', 'DEPLOY_002'] as const),
      ...(['STATE_001', 'STATE_003', 'STATE_004', 'SYS_002', 'SYS_004'] as const),
    ],
    idempotencyKey: true,
  },
  createDeployment: {
    summary: 'Starts the deployment of a plan.',
    description: 'A repeat for a plan whose deployment has started answers with that deployment.',
    answers: { 202: success('The deployment has started', deployment) },
    errors: ['STATE_001', 'SYS_005', ...fromTheCloud],
    idempotencyKey: true,
  },
} satisfies Record<string, OperationDescription>

const changing = {
  rollBackDeployment: { summary: 'Rolls an app back from its newest deployment.', ...startRollback },
  rollBackApp: { summary: 'Rolls an app back to the version that served before.', ...startRollback },
  retryDeployment: {
    summary: 'Runs the failed step of a deployment again, and the steps after it.',
    answers: {
      202: success(
        'The step runs again',
        z
          .strictObject({
            retryId: z.uuid(),
            ...started,
            step,
            attempt: z.int(),
            maxAttempts: z.int(),
            lastAttempt: z.int(),
          })
          .meta({ id: 'StartedRetry' }),
      ),
    },
    errors: ['STATE_001'],
    idempotencyKey: true,
  },
  cancelDeployment: {
    summary: 'Cancels a running deployment.',
    answers: {
      202: success(
        'The running step is asked to stop',
        z
          .strictObject({ deploymentId: z.uuid(), jobId: z.uuid(), cancelRequested: z.literal(true) })
          .meta({ id: 'CancelledDeployment' }),
      ),
    },
    errors: ['STATE_001'],
    idempotencyKey: true,
  },
  deleteApp: {
    summary: 'Deletes an app with all its data in one environment.',
    answers: {
      202: success(
        'The deletion has started',
        z
          .strictObject({ ...started, appName: z.string(), environment, willDelete: z.array(z.string()) })
          .meta({ id: 'StartedDeletion' }),
      ),
    },
    errors: ['STATE_001'],
    idempotencyKey: true,
  },
} satisfies Record<string, OperationDescription>

const reading = {
  listDeployments: {
    summary: 'Lists deployments, newest first.',
    answers: {
      200: success(
        'One page of deployments',
        z
          .strictObject({ deployments: z.array(summary), nextCursor: z.string().nullable() })
          .meta({ id: 'DeploymentList' }),
      ),
    },
  },
  listApps: {
    summary: 'Lists the newest deployment of each app in each environment.',
    answers: { 200: success('The apps', z.strictObject({ apps: z.array(summary) }).meta({ id: 'AppList' })) },
  },
  listAppVersions: {
    summary: 'Lists the versions of an app, which of them serve, and whether it can be rolled back.',
    answers: { 200: success('The versions', appVersions) },
    errors: fromTheCloud,
  },
  previewAppRollback: {
    summary: 'Shows what a rollback of an app would do.',
    answers: { 200: success('The effect of the rollback', rollbackPreview) },
    errors: ['STATE_001', ...fromTheCloud],
  },
  readAppLog: {
    summary: "Reads the last log lines of an app's Worker.",
    answers: {
      200: success(
        'The lines, oldest first',
        z
          .strictObject({
            logs: z.array(z.strictObject({ time: z.string(), level: z.string(), text: z.string() })),
          })
          .meta({ id: 'AppLog' }),
      ),
    },
    errors: fromTheCloud,
  },
  getDeploymentStatus: {
    summary: 'Shows the state and the progress of a deployment.',
    answers: { 200: success('The deployment', deploymentStatus) },
  },
  readDeploymentLog: {
    summary: 'Streams the log of a deployment, or reads a page of it.',
    description: 'Send `Accept: application/json` for a page. The stream ends with the event `end`.',
    answers: {
      200: {
        description: 'The log',
        content: {
          ...success('', logPage).content,
          ...eventStream('', deploymentEvent).content,
        },
      },
      204: { description: 'The stream has ended, and the reader has all its events' },
    },
    parameters: { header: resumeHeader },
  },
  getDeploymentMetrics: {
    summary: 'Counts the deployments, their durations and their errors of the last hours.',
    answers: { 200: success('The counts', metrics) },
  },
  getDeploymentHealth: {
    summary: 'Shows whether the services that deployments depend on work.',
    answers: { 200: success('The services', deploymentHealth) },
  },
} satisfies Record<string, OperationDescription>

export const operations = { ...planning, ...changing, ...reading, ...credentialOperations }
