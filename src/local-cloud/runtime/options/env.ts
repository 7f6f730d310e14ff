import type { WorkerOptions } from 'miniflare'
import type { Binding } from '../../store/bindings.ts'
import type { GroupWorkflow } from '../groups/group.ts'
import { analyticsWorker, recordedBindings, recorderWorker } from '../recorded/recorder.ts'
import { workflowBindings } from '../workflows/bindings.ts'
import { wrapperWorker } from '../workflows/engine.ts'
import { absentBindings, absentWorker } from './absent.ts'
import type { BindingContext, Subject, WorkerBindings } from './context.ts'
import { objectBindings } from './objects.ts'
import { type CloudAddress, producerWorker, queueBindings } from './queues.ts'
import { serviceBindings } from './services.ts'
import { rateLimitBindings, storeBindings } from './stores.ts'
import { varsOf } from './vars.ts'

/** One function per subject. Each handles the binding types that it knows and ignores the others. */
const subjects: Subject[] = [
  (bindings, { identity }) => ({ bindings: varsOf(bindings, identity) }),
  objectBindings,
  storeBindings,
  rateLimitBindings,
  serviceBindings,
  queueBindings,
  workflowBindings,
  recordedBindings,
  absentBindings,
]

/** The options for all bindings of a version. */
export function envOptions(bindings: Binding[], context: BindingContext): WorkerBindings {
  const merged: Record<string, object> = {}
  for (const subject of subjects) {
    for (const [option, records] of Object.entries(subject(bindings, context))) {
      merged[option] = { ...merged[option], ...records }
    }
  }
  return merged
}

export interface HelperContext {
  /** How the producer of queues reaches the cloud. */
  cloud: CloudAddress | undefined
  workflows: readonly GroupWorkflow[]
}

/**
 * The Workers behind bindings that are Capstan's own code. Miniflare runs a helper to which no Worker is bound as an
 * ordinary Worker, which it is not, so only those in use are returned.
 */
export function helperWorkers(
  workers: WorkerBindings[],
  bindings: Binding[],
  { cloud, workflows }: HelperContext,
): WorkerOptions[] {
  const wrapped = workers.flatMap(({ wrappedBindings }) => Object.values(wrappedBindings ?? {}))
  const used = new Set(wrapped.map(({ scriptName }) => scriptName))
  const candidates = [absentWorker(), analyticsWorker(), ...workflows.map(({ id }) => wrapperWorker(id))]
  const helpers = candidates.filter(({ name = '' }) => used.has(name))
  if (cloud !== undefined && bindings.some(({ type }) => type === 'queue'))
    helpers.push(producerWorker(cloud))
  const isRecorded = bindings.some(({ type }) => type === 'analytics_engine' || type === 'send_email')
  if (cloud !== undefined && isRecorded) helpers.push(recorderWorker(cloud))
  return helpers
}
