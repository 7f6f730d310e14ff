import { z } from 'zod'
import { waitingReleases } from '../../../platform/health/operations.ts'
import { count, eventOf, time } from '../../../platform/operations/index.ts'
import { rolloutStates } from '../../store/components.ts'

const group = z.string().optional().describe('The API group, for kinds that are not Kubernetes’ own')
const image = {
  image_repo: z.string(),
  image_name: z.string(),
  image_tag: z.string(),
  image_sha: z.string().nullable(),
}
const ended = z
  .enum(['replaced', 'rolled-back', 're-tagged', 'removed', 'unknown'])
  .nullable()
  .describe('How it ended; null while it runs')
const pods = count.nullable()

const currentRelease = z
  .strictObject({
    namespace: z.string(),
    workload_name: z.string(),
    workload_type: z.string(),
    workload_group: group,
    container_name: z.string(),
    ...image,
    client_name: z.string(),
    env_name: z.string(),
    first_seen: time,
    last_seen: time,
    state: z.enum(rolloutStates).nullable(),
    pods,
    images: z
      .array(
        z.strictObject({
          image_tag: z.string(),
          image_sha: z.string().nullable(),
          image_shas: z.array(z.string()).optional(),
          pods: count,
        }),
      )
      .nullable()
      .describe('The images of the ready pods'),
  })
  .meta({ id: 'CurrentRelease' })

const page = { total: count, next_cursor: z.string().nullable(), timestamp: time }

export const current = z
  .strictObject({
    namespaces: z.record(z.string(), z.array(currentRelease)),
    ordered_namespaces: z.array(z.string()),
    ...page,
  })
  .meta({ id: 'CurrentReleases' })

const interval = {
  ...image,
  first_seen: time,
  last_seen: time,
  workload_kind: z.string(),
  workload_group: group,
  ended,
  ended_at: time.nullable(),
}
const place = {
  client_name: z.string(),
  env_name: z.string(),
  namespace: z.string(),
  workload_name: z.string(),
  container_name: z.string(),
}

export const history = z
  .strictObject({
    component: z.strictObject(place),
    releases: z.array(z.strictObject(interval).meta({ id: 'PastRelease' })),
    ...page,
  })
  .meta({ id: 'ComponentHistory' })

export const found = z
  .strictObject({
    releases: z.array(z.strictObject({ ...place, ...interval }).meta({ id: 'FoundRelease' })),
    ...page,
  })
  .meta({ id: 'FoundReleases' })

const side = z
  .strictObject({ ...image, first_seen: time, last_seen: time })
  .meta({ id: 'ComparedImage' })
  .nullable()
const compared = z.array(
  z
    .strictObject({
      namespace: z.string(),
      workload_kind: z.string(),
      workload_group: group,
      workload_name: z.string(),
      container_name: z.string(),
      left: side,
      right: side,
      differs: z.array(z.enum(['image_tag', 'image_sha'])),
    })
    .meta({ id: 'ComparedContainer' }),
)
const environment = z.strictObject({ client_name: z.string(), env_name: z.string() })
export const comparison = z
  .strictObject({
    left: environment,
    right: environment,
    at: time.nullable(),
    same: compared,
    different: compared,
    only_left: compared,
    only_right: compared,
    counts: z.strictObject({ same: count, different: count, only_left: count, only_right: count }),
    timestamp: time,
  })
  .meta({ id: 'EnvironmentComparison' })

const component = {
  client_name: z.string(),
  env_name: z.string(),
  namespace: z.string(),
  workload_kind: z.string(),
  workload_group: group,
  workload_name: z.string(),
  container_name: z.string(),
}
const pingStatus = z.enum(['online', 'warning', 'offline'])
export const releaseEvent = z
  .union([
    eventOf(
      'release',
      z.strictObject({
        ...component,
        ...image,
        first_seen: time,
        previous: z
          .strictObject({ image_tag: z.string(), image_sha: z.string().nullable(), ended })
          .optional(),
      }),
    ),
    eventOf(
      'removed',
      z.strictObject({
        ...component,
        image_tag: z.string(),
        image_sha: z.string().nullable(),
        last_seen: time,
      }),
    ),
    eventOf(
      'status',
      z.strictObject({
        client_name: z.string(),
        env_name: z.string(),
        status: pingStatus,
        previous_status: z.union([pingStatus, z.literal('never')]),
        last_ping: time,
      }),
    ),
  ])
  .meta({ id: 'ReleaseEvent' })

const byEnvironment = <T extends z.ZodType>(schema: T) => z.record(z.string(), z.record(z.string(), schema))

export const environments = z
  .strictObject({
    clients_environments: z.record(z.string(), z.array(z.string())),
    ping_statuses: byEnvironment(
      z.union([
        z.strictObject({ status: z.literal('never') }),
        z.strictObject({
          status: pingStatus,
          last_ping: time,
          slave_version: z.string().nullable(),
          clock_skew_seconds: z.number().nullable(),
        }),
      ]),
    ),
    waiting_releases: byEnvironment(waitingReleases),
    statistics: z.strictObject({ total_clients: count, total_environments: count, total_releases: count }),
    timestamp: time,
  })
  .meta({ id: 'ClientEnvironments' })
