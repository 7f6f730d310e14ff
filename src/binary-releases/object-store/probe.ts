import { within } from '../../platform/deadline.ts'
import { type Cause, clockCauses } from '../../platform/health/index.ts'
import { isDiskFull } from '../../platform/postgres/disk-full.ts'
import { type ObjectStore, StoreUnreachable } from './index.ts'

const cacheMs = 10_000

/**
 * The store's problems; empty if it answers. Cached for 10 s: health checks need no credentials and must not be a way
 * to flood the store.
 */
export function createStoreProbe(
  store: ObjectStore,
  now: () => number = () => performance.now(),
): () => Promise<Cause[]> {
  let cached: { at: number; answer: Promise<Cause[]> } | undefined
  return () => {
    if (cached === undefined || now() - cached.at >= cacheMs) {
      const answer = within(3000, store.probe(), 'the object store').then(
        ({ aheadMs }) => clockCauses(aheadMs, 'object store'),
        causesOf,
      )
      cached = { at: now(), answer }
    }
    return cached.answer
  }
}

function causesOf(error: unknown): Cause[] {
  const cause = error instanceof StoreUnreachable ? error.cause : undefined
  if (isDiskFull(cause)) return [causeOf('disk_full', 'has no disk space left')]
  const { name, $metadata } = (cause ?? {}) as { name?: unknown; $metadata?: { httpStatusCode?: number } }
  if (name === 'RequestTimeTooSkewed')
    return [causeOf('clock_differs', "refuses requests because its clock differs from this process's clock")]
  switch ($metadata?.httpStatusCode) {
    case 401:
    case 403:
      return [causeOf('forbidden', 'refuses the credentials (403): check the key and its permissions')]
    case 404:
      return [causeOf('no_bucket', 'has no bucket of this name')]
    default:
      return [causeOf('unreachable', 'does not answer')]
  }
}

const causeOf = (reason: string, text: string): Cause => ({
  part: 'object_store',
  reason,
  message: `The object store ${text}`,
})
