import { within } from '../platform/deadline.ts'
import type { ObjectStore } from './object-store/index.ts'

const keptMs = 10_000

/** Whether the store answers. The answer is kept for 10 s: health checks are open, and must not become a hammer. */
export function createStoreProbe(store: ObjectStore, now: () => number = Date.now): () => Promise<boolean> {
  let kept: { at: number; answer: Promise<boolean> } | undefined
  return () => {
    if (kept === undefined || now() - kept.at >= keptMs) {
      const answer = within(3000, store.probe(), 'the object store').then(
        () => true,
        () => false,
      )
      kept = { at: now(), answer }
    }
    return kept.answer
  }
}
