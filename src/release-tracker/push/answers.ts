import type { OutgoingInterval } from '../store/push/outgoing.ts'
import type { MasterAnswer } from './master-client.ts'

/** The reason of an item whose answer was lost: the master says only that it had the push before. */
export const unconfirmed = 'the answer to it was lost'

/**
 * What the master did not store of a page, by index, with the reason. Every master that takes batches has one result for
 * each item, also those that acknowledge the run all the same: only `stored` and `unchanged` mean that an item is there.
 */
export function answersOf(page: OutgoingInterval[], { body }: MasterAnswer): Map<number, string> {
  const { results } = (body ?? {}) as { results?: unknown }
  const byIndex = new Map<number, string>(
    page.map((_, index) => [index, 'the master did not say what became of it']),
  )
  for (const result of Array.isArray(results) ? results : []) {
    const { index, status, fields } = (result ?? {}) as {
      index?: unknown
      status?: unknown
      fields?: unknown
    }
    if (typeof index !== 'number' || typeof status !== 'string' || !byIndex.has(index)) continue
    if (status === 'stored' || status === 'unchanged') byIndex.delete(index)
    else byIndex.set(index, reasonOf(status, fields))
  }
  return byIndex
}

/** Also used by a master, for what it reports of its slaves. */
export function reasonOf(status: string, fields: unknown): string {
  if (status === 'duplicate') return unconfirmed
  if (status === 'conflict') return 'another image was seen to run at that time'
  const [first] = Array.isArray(fields) ? fields : []
  const { path, problem } = (first ?? {}) as { path?: unknown; problem?: unknown }
  return typeof path === 'string' && typeof problem === 'string' ? `${path} ${problem}` : status.slice(0, 100)
}
