import { z } from 'zod'
import type { FieldFault } from '../../platform/errors.ts'
import type { TrackerContext } from '../context.ts'
import { image, name, names, rollout, time } from '../schema.ts'
import type { Outbox } from '../store/push/outbox.ts'
import type { OutgoingInterval, OutgoingScope } from '../store/push/outgoing.ts'

/** One interval of one container. Unknown fields are ignored: slaves and masters are not upgraded together. */
export const batchItem = z.object({
  namespace: names.namespace,
  workload_kind: names.kind,
  // Empty for Kubernetes' own kinds; older slaves do not send it.
  workload_group: names.group.optional(),
  workload_name: names.workload,
  container_name: names.container,
  image_repo: image.repo,
  image_name: image.name,
  // Empty when the reference has none.
  image_tag: z.string().max(128).default(''),
  // Null if no node reports it.
  image_sha: image.sha.nullable(),
  first_seen: time,
  last_seen: time,
  // A newer slave may send endings that this version does not know.
  ended: z.enum(['replaced', 'rolled-back', 're-tagged', 'removed', 'unknown']).nullish().catch('unknown'),
  ended_at: time.nullish(),
  /** True if the slave's collections see it, false if people recorded it. */
  collected: z.boolean().default(true),
  rollout: rollout.nullish().catch(undefined),
})
export type BatchItem = z.output<typeof batchItem>

const mostItems = 10_000

const batchNamespace = z.object({ namespace: names.namespace, last_seen: time })

export const batchBody = z.object({
  collector_id: z.uuid('expected a UUID'),
  run_id: z.uuid('expected a UUID'),
  sequence: z.int().min(1),
  /** The run that the changes follow; null in a full push. */
  since: z.int().min(0).nullable(),
  part: z.int().min(1).default(1),
  last: z.boolean().default(true),
  client_name: name,
  env_name: name,
  /** In a full push: `namespaces` lists all namespaces of the cluster. */
  all_namespaces: z.boolean().default(false),
  // Each one is checked by itself, as the items are: an invalid one is ignored.
  namespaces: z
    .array(z.unknown())
    .max(20_000)
    .default([])
    .transform((all) => all.flatMap((each) => batchNamespace.safeParse(each).data ?? [])),
  // Each item is checked by itself: an invalid one must not delay the others.
  items: z.array(z.unknown()).max(mostItems).default([]),
})
export type BatchBody = z.output<typeof batchBody>

/** The result of one item. */
export interface ItemResult {
  index: number
  status: 'stored' | 'unchanged' | 'conflict' | 'invalid' | 'duplicate'
  /** For a conflict: the interval that is recorded for that time. */
  interval?: {
    id: string
    image_tag: string
    image_sha: string | null
    first_seen: string
    last_seen: string
  }
  fields?: FieldFault[]
}

interface BatchInput {
  context: TrackerContext
  outbox: Outbox
  part: number
  last: boolean
  items: OutgoingInterval[]
  scopes: OutgoingScope[]
  /** Sends names without contents: the master rejects the items, but does not end their components. */
  namesOnly?: boolean
  /** Something was left out of a full push, so absent namespaces and components say nothing. */
  partial?: boolean
}

/** Makes the body of one call of a push. */
export function batchOf(input: BatchInput) {
  const { outbox, part, last, items, scopes, namesOnly = false, partial = false } = input
  const { config } = input.context
  return {
    collector_id: outbox.collectorId,
    run_id: outbox.runId,
    sequence: outbox.sequence,
    since: outbox.acknowledged,
    part,
    last,
    client_name: config.clientName,
    env_name: config.envName,
    all_namespaces: config.namespaces === 'all' && !partial,
    namespaces: scopes,
    items: items.map(namesOnly ? nameOf : wholeOf),
  }
}

/** The fields with which a master finds the component and describes the item in its report. */
function nameOf(item: OutgoingInterval) {
  return {
    namespace: item.namespace,
    workload_kind: item.kind,
    workload_group: item.api_group,
    workload_name: item.workload,
    container_name: item.container,
    image_tag: item.image_tag,
    image_sha: item.image_sha,
  }
}

function wholeOf(item: OutgoingInterval) {
  return {
    ...nameOf(item),
    image_repo: item.image_repo,
    image_name: item.image_name,
    first_seen: item.first_seen,
    last_seen: item.last_seen,
    ...(item.ended === null ? {} : { ended: item.ended, ended_at: item.ended_at }),
    collected: item.collected,
    ...(item.state === null ? {} : { rollout: { state: item.state, pods: item.pods, images: item.images } }),
  }
}
