import type { Pod } from '../kubernetes/objects.ts'
import type { TopWorkload } from './revisions.ts'

const isPod = ({ kind }: TopWorkload) => kind === 'Pod'

/**
 * Whether a pod counts. One that is being deleted does not, nor does an evicted one. A failed pod of a workload that runs
 * to completion counts, because it shows which image ran.
 */
export function isPresent(running: TopWorkload, pod: Pod): boolean {
  if (pod.isTerminating) return false
  return pod.phase !== 'Failed' || runsToCompletion(running, pod)
}

function runsToCompletion(running: TopWorkload, { restartPolicy }: Pod): boolean {
  if (running.batch || isPod(running)) return true
  return restartPolicy === 'Never' || restartPolicy === 'OnFailure'
}

/** Whether a pod counts as ready. Pods of a completed run are not ready, but they ran. */
export function isReady(running: TopWorkload, pod: Pod): boolean {
  if (pod.ready) return true
  if (pod.phase === 'Succeeded') return runsToCompletion(running, pod)
  return pod.phase === 'Running' && running.batch && !isFailing(pod)
}

const starting = new Set(['ContainerCreating', 'PodInitializing'])
/** Whether a container waits for something other than its start, such as a back-off. */
export const isFailing = (pod: Pod) =>
  pod.containers.some(({ waiting }) => waiting !== undefined && !starting.has(waiting))
