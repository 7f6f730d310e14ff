import type { RolloutState } from '../store/components.ts'
import { isFailing, isHere } from './pods.ts'
import type { Running } from './revisions.ts'
import type { Version } from './versions.ts'

/** How a container's rollout stands, by the versions that its pods run. */
export function stateOf(running: Running, versions: Version[]): RolloutState {
  const { replicas, ended, batch, movesOn, revisions } = running
  const live = versions.filter(({ ready }) => ready > 0)
  if (replicas === 0) return 'scaled-to-zero'
  if (ended === 'failed') return 'degraded'
  if (live.length > 1) return 'progressing'
  if (live.length === 1 && (live[0]?.current || !versions.some(({ current }) => current))) return 'current'
  const pods = revisions
    .filter(({ current }) => current)
    .flatMap((each) => each.pods.filter((pod) => isHere(running, pod)))
  // Between two runs there is nothing to be ready.
  if (pods.length === 0 && batch) return 'current'
  if (pods.some(isFailing)) return 'degraded'
  // A failed pod of a run that goes on will be followed by another one.
  const begins = pods.some(
    (pod) => pod.phase === 'Failed' || pod.containers.some(({ waiting }) => waiting !== undefined),
  )
  return begins || movesOn ? 'progressing' : 'degraded'
}
