import type { RolloutState } from '../store/components.ts'
import { isFailing, isPresent } from './pods.ts'
import type { TopWorkload } from './revisions.ts'
import type { Version } from './versions.ts'

/** Derives the state of a container's rollout from the versions that its pods run. */
export function stateOf(running: TopWorkload, versions: Version[]): RolloutState {
  const { replicas, ended, batch, isProgressing, revisions } = running
  const live = versions.filter(({ ready }) => ready > 0)
  if (replicas === 0) return 'scaled-to-zero'
  if (ended === 'failed') return 'degraded'
  if (live.length > 1) return 'progressing'
  if (live.length === 1 && (live[0]?.current || !versions.some(({ current }) => current))) return 'current'
  const pods = revisions
    .filter(({ current }) => current)
    .flatMap((each) => each.pods.filter((pod) => isPresent(running, pod)))
  // Between two runs there are no pods that could be ready.
  if (pods.length === 0 && batch) return 'current'
  if (pods.some(isFailing)) return 'degraded'
  // A failed pod of an unfinished run will be replaced by another one.
  const isStarting = pods.some(
    (pod) => pod.phase === 'Failed' || pod.containers.some(({ waiting }) => waiting !== undefined),
  )
  return isStarting || isProgressing ? 'progressing' : 'degraded'
}
