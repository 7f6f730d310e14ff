import type { Pod } from '../kubernetes/objects.ts'
import type { Running } from './revisions.ts'

const isPod = ({ kind }: Running) => kind === 'Pod'

/**
 * A pod that is being deleted runs nothing, nor does one that was evicted and left lying. A failed pod still tells what
 * it ran where pods run to an end.
 */
export function isHere(running: Running, pod: Pod): boolean {
  if (pod.leaving) return false
  return pod.phase !== 'Failed' || runsToAnEnd(running, pod)
}

function runsToAnEnd(running: Running, { restartPolicy }: Pod): boolean {
  if (running.batch || isPod(running)) return true
  return restartPolicy === 'Never' || restartPolicy === 'OnFailure'
}

/** A run that is over has no ready pods, but it ran. */
export function isReady(running: Running, pod: Pod): boolean {
  if (pod.ready) return true
  if (pod.phase === 'Succeeded') return runsToAnEnd(running, pod)
  return pod.phase === 'Running' && running.batch && !isFailing(pod)
}

const starting = new Set(['ContainerCreating', 'PodInitializing'])
/** It waits for something other than its start. */
export const isFailing = (pod: Pod) =>
  pod.containers.some(({ waiting }) => waiting !== undefined && !starting.has(waiting))
