import { z } from 'zod'
import {
  type Answer,
  always,
  count,
  eventStream,
  jsonAnswer,
  type OperationDescription,
  resumeHeader,
  sometimes,
  streamHasEnded,
  time,
} from '../../../platform/operations/index.ts'
import { styles } from '../../badges/draw.ts'
import * as schemas from './schemas.ts'

/** A table as JSON or, with `format=csv`, as a file. */
const table = (description: string, schema: z.ZodType, headers: Answer['headers'] = {}): Answer => ({
  description,
  content: { 'application/json': { schema }, 'text/csv': { bytes: true } },
  headers: { 'Content-Disposition': sometimes('In CSV: the name of the file'), ...headers },
})

const badgeToken = z.strictObject({
  id: z.uuid(),
  client_name: z.string(),
  env_name: z.string().optional(),
  namespace: z.string().nullable().optional(),
  workload_kind: z.string().optional(),
  workload_group: z.string().optional(),
  workload_name: z.string().optional(),
  container_name: z.string().optional(),
  created_at: time,
})

const badges = {
  getBadge: {
    summary: 'Draws a badge with the version that a container runs.',
    description: `The key in the path is the permission. A fault is shown on the badge and in \`Capstan-Badge-Problem\`. With
\`.json\` after the container's name, the answer is an endpoint of shields.io.`,
    answers: {
      200: {
        description: 'The badge',
        content: {
          'image/svg+xml': { bytes: true },
          'application/json': {
            schema: z
              .strictObject({
                schemaVersion: z.literal(1),
                label: z.string(),
                message: z.string(),
                color: z.string(),
                isError: z.boolean(),
              })
              .meta({ id: 'BadgeEndpoint' }),
          },
        },
        headers: {
          ETag: always('The entity tag of the body'),
          'Capstan-Badge-Problem': sometimes('Why the badge shows no version'),
        },
      },
    },
    parameters: {
      query: z.object({
        namespace: z.string().optional(),
        label: z.string().optional(),
        style: z.enum(styles).optional(),
      }),
    },
  },
  createBadgeToken: {
    summary: 'Creates a key for badges of one component, or of all of a client.',
    answers: {
      201: jsonAnswer(
        'The key',
        badgeToken
          .extend({ token: z.string().describe('The key itself, which no other answer contains') })
          .meta({ id: 'NewBadgeToken' }),
      ),
    },
  },
  listBadgeTokens: {
    summary: 'Lists the keys for badges.',
    answers: {
      200: jsonAnswer(
        'The keys, without their secrets',
        z
          .strictObject({ tokens: z.array(badgeToken.meta({ id: 'BadgeToken' })) })
          .meta({ id: 'BadgeTokenList' }),
      ),
    },
  },
  revokeBadgeToken: {
    summary: 'Revokes a key for badges.',
    answers: {
      200: jsonAnswer(
        'Revoked',
        z.strictObject({ id: z.uuid(), revoked: z.literal(true) }).meta({ id: 'RevokedBadgeToken' }),
      ),
    },
    idempotencyKey: true,
  },
} satisfies Record<string, OperationDescription>

const itemResult = z
  .strictObject({
    index: count,
    status: z.enum(['stored', 'unchanged', 'conflict', 'invalid', 'duplicate']),
    interval: z
      .strictObject({
        id: z.string(),
        image_tag: z.string(),
        image_sha: z.string().nullable(),
        first_seen: time,
        last_seen: time,
      })
      .optional()
      .describe('For a conflict: what is recorded for that time'),
    fields: z.array(z.strictObject({ path: z.string(), problem: z.string() })).optional(),
  })
  .meta({ id: 'BatchItemResult' })

const collecting = {
  startCollection: {
    summary: 'Starts a collection of what the cluster runs.',
    answers: {
      202: jsonAnswer(
        'The collection has started',
        z
          .strictObject({
            status: z.literal('accepted'),
            message: z.string(),
            jobId: z.uuid(),
            events: z.string(),
            timestamp: time,
          })
          .meta({ id: 'StartedCollection' }),
      ),
    },
    errors: ['STATE_003'],
    idempotencyKey: true,
  },
  recordRelease: {
    summary: 'Records by hand which image a container runs.',
    answers: {
      200: jsonAnswer(
        'Recorded',
        z
          .strictObject({
            status: z.literal('success'),
            message: z.string(),
            component: z.strictObject({
              namespace: z.string(),
              workload_kind: z.string(),
              workload_group: z.string().optional(),
              workload_name: z.string(),
              container_name: z.string(),
            }),
            release: z.strictObject({
              version: z.string(),
              image_repo: z.string(),
              image_name: z.string(),
              image_tag: z.string(),
              image_sha: z.string(),
              released_at: time,
            }),
            timestamp: time,
          })
          .meta({ id: 'RecordedRelease' }),
      ),
    },
    errors: ['STATE_001'],
    idempotencyKey: true,
  },
  pushReleases: {
    summary: 'Sends the changes of a slave to its master.',
    description: 'Only on a master; other modes answer 404.',
    answers: {
      200: jsonAnswer(
        'Received',
        z
          .strictObject({
            status: z.literal('ok'),
            acknowledged: count.nullable().describe('The last run that the master has answered'),
            results: z.array(itemResult),
            timestamp: time,
          })
          .meta({ id: 'PushResult' }),
      ),
    },
    errors: ['STATE_001', 'SYS_005'],
    idempotencyKey: true,
  },
  sendPing: {
    summary: 'Tells a master that a slave works.',
    description: 'Only on a master; other modes answer 404.',
    answers: {
      200: jsonAnswer(
        'Received',
        z.strictObject({ status: z.literal('ok'), timestamp: time }).meta({ id: 'PingResult' }),
      ),
    },
    errors: ['SYS_005'],
    idempotencyKey: true,
  },
  listClientEnvironments: {
    summary: 'Lists clients and their environments, with the state of their slaves.',
    description: 'Only on a master; other modes answer 404.',
    answers: { 200: jsonAnswer('The clients', schemas.environments) },
    errors: ['SYS_005'],
  },
  getTrackerConfig: {
    summary: "Shows the mode of the release tracker and what the caller's key may do.",
    answers: {
      200: jsonAnswer(
        'The configuration',
        z
          .strictObject({
            mode: z.enum(['standalone', 'master', 'slave']),
            env_name: z.string(),
            client_name: z.string(),
            api_key_type: z.strictObject({ is_admin: z.boolean(), authenticated_client: z.string() }),
          })
          .meta({ id: 'TrackerConfig' }),
      ),
    },
  },
} satisfies Record<string, OperationDescription>

const reading = {
  listCurrentReleases: {
    summary: 'Lists what runs now, or ran at a time, by namespace.',
    answers: {
      200: table('The containers', schemas.current, { ETag: sometimes('The entity tag of the body') }),
    },
  },
  searchReleaseHistory: {
    summary: 'Finds where and when an image ran.',
    answers: { 200: table('One page of periods', schemas.found) },
  },
  getComponentHistory: {
    summary: 'Lists the images that a container ran, newest first.',
    answers: { 200: table('One page of periods', schemas.history) },
  },
  compareEnvironments: {
    summary: 'Compares what two environments run.',
    answers: { 200: table('The comparison', schemas.comparison) },
  },
  watchReleases: {
    summary: 'Streams the releases of a client as they are seen.',
    answers: { 200: eventStream('The events', schemas.releaseEvent), 204: streamHasEnded },
    parameters: { header: resumeHeader },
  },
} satisfies Record<string, OperationDescription>

export const operations = { ...badges, ...collecting, ...reading }
