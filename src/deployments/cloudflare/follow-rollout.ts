import { pause } from '../../platform/deadline.ts'
import type { StepLog } from '../log.ts'
import { imageUnusable, unhealthy } from '../model/errors.ts'
import type { ContainerApi } from './containers-api.ts'

interface RolloutTarget {
  containers: Pick<ContainerApi, 'rollout'>
  /** Milliseconds within which a rollout has to end. */
  rolloutMs: number
}

const firstPauseMs = 200
const maxPauseMs = 5000

/**
 * Waits for the end of a rollout.
 * @throws DEPLOY_003 if it was reverted or replaced, DEPLOY_006 if it does not end in time
 */
export async function followRollout(
  context: { target: RolloutTarget; signal: AbortSignal; log: StepLog },
  ids: { id: string; rolloutId: string },
): Promise<void> {
  const { target, signal, log } = context
  const endAt = performance.now() + target.rolloutMs
  let pauseMs = firstPauseMs
  for (let lastStatus = ''; performance.now() < endAt; ) {
    // The first pause comes before the first check, because no rollout ends immediately.
    await pause(pauseMs, signal)
    pauseMs = Math.min(pauseMs * 1.5, maxPauseMs)
    const { status } = await target.containers.rollout(ids, signal)
    if (status !== lastStatus) log.info(`The rollout is ${status}`)
    lastStatus = status
    if (status === 'completed') return
    if (status === 'reverted' || status === 'replaced') {
      throw imageUnusable(`The rollout was ${status} outside this deployment`, { retryable: false })
    }
  }
  const message = `The rollout did not end within ${target.rolloutMs / 1000} s`
  const suggestedAction =
    'Find out why the container does not start (image, command, port), then deploy again'
  throw unhealthy(message, { retryable: false, suggestedAction })
}
