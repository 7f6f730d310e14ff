import type { Run } from '../../platform/jobs/index.ts'
import type { TrackerContext } from '../context.ts'
import type { OutgoingInterval } from '../store/push/outgoing.ts'
import { noteAnswers } from '../store/push/waiting.ts'
import { unconfirmed } from './answers.ts'

/** Keeps what was not stored, with its reason, and says so in the log: one line for each reason. */
export async function note(
  pushing: { context: TrackerContext; run: Run; items: number; rejected: number },
  page: OutgoingInterval[],
  reasons: Map<number, string>,
): Promise<void> {
  const stored = page.flatMap(({ id }, index) => (reasons.has(index) ? [] : [id]))
  const unstored = [...reasons].flatMap(([index, reason]) => {
    const intervalId = page[index]?.id
    return intervalId === undefined ? [] : [{ intervalId, reason, unconfirmed: reason === unconfirmed }]
  })
  const { delivered } = await noteAnswers(pushing.context.db, { stored, unstored })
  const { log } = pushing.run
  if (delivered > 0) log.info({ count: delivered }, 'the master has stored releases that had waited')
  pushing.items += page.length
  pushing.rejected += unstored.filter((each) => !each.unconfirmed).length
  for (const [reason, indexes] of Map.groupBy(reasons.keys(), (index) => reasons.get(index) ?? '')) {
    const fresh = indexes.filter((index) => page[index]?.waits === false)
    const first = page[fresh[0] ?? -1]
    if (first === undefined || reason === unconfirmed) continue
    const { namespace, kind, workload, container } = first
    const name = `${namespace}/${kind}/${workload}/${container}`
    log.warn({ name, reason, count: fresh.length }, 'the master did not store releases; they are sent again')
  }
}
