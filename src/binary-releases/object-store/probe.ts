import { within } from '../../platform/deadline.ts'
import { type Cause, clockCauses } from '../../platform/health/index.ts'
import { isDiskFull } from '../../platform/postgres/disk-full.ts'
import { type ObjectStore, StoreUnreachable } from './index.ts'

const keptMs = 10_000

/**
 * What is wrong with the store; nothing when it answers. Kept for 10 s: health checks are open, and must not become a
 * hammer.
 */
export function createStoreProbe(
  store: ObjectStore,
  now: () => number = () => performance.now(),
): () => Promise<Cause[]> {
  let kept: { at: number; answer: Promise<Cause[]> } | undefined
  return () => {
    if (kept === undefined || now() - kept.at >= keptMs) {
      const answer = within(3000, store.probe(), 'the object store').then(
        ({ aheadMs }) => clockCauses(aheadMs, 'object store'),
        causesOf,
      )
      kept = { at: now(), answer }
    }
    return kept.answer
  }
}

function causesOf(error: unknown): Cause[] {
  const cause = error instanceof StoreUnreachable ? error.cause : undefined
  if (isDiskFull(cause)) return [causeOf('disk_full', 'has no disk space left')]
  const { name, $metadata } = (cause ?? {}) as { name?: unknown; $metadata?: { httpStatusCode?: number } }
  if (name === 'RequestTimeTooSkewed')
    return [causeOf('clock_differs', "refuses us because this process's clock differs from its own")]
  switch ($metadata?.httpStatusCode) {
    case 401:
    case 403:
      return [causeOf('forbidden', 'refuses our credentials (403): check the key and what it may do')]
    case 404:
      return [causeOf('no_bucket', 'has no such bucket')]
    default:
      return [causeOf('unreachable', 'does not answer')]
  }
}

const causeOf = (reason: string, text: string): Cause => ({
  part: 'object_store',
  reason,
  message: `The object store ${text}`,
})
