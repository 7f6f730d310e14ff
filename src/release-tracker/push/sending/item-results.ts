import { propertiesOf } from '../../../platform/thrown.ts'
import type { OutgoingInterval } from '../../store/push/outgoing.ts'
import { reasonOf } from '../reasons.ts'
import type { MasterAnswer } from './master-client.ts'

/**
 * Lists the items of a page that the master did not store, by index, with the reason. Every master with batches returns a
 * result for each item, even if it acknowledges the run: only `stored` and `unchanged` mean that it has the item.
 */
export function rejectedItems(page: OutgoingInterval[], { body }: MasterAnswer): Map<number, string> {
  const { results } = propertiesOf(body)
  const byIndex = new Map<number, string>(
    page.map((_, index) => [index, 'the master returned no result for it']),
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
