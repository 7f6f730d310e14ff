import type { Run } from '../../platform/jobs/index.ts'
import type { TrackerContext } from '../context.ts'
import type { Outbox } from '../store/push/outbox.ts'
import { type After, type OutgoingInterval, readOutgoing } from '../store/push/outgoing.ts'
import { reasonOf } from './answers.ts'
import type { MasterAnswer, MasterClient } from './master-client.ts'
import { note } from './note.ts'

/** Refused, but not for what they say: a later attempt of the whole push may succeed. */
const passing = new Set([401, 403, 407, 408, 425, 429])
/** A fault in the master's own code may be about one release; so many in a row are an outage. */
const mostFaultsInARow = 3

/**
 * For a master that does not know batches: what runs now, one call for each container that changed, and what waits,
 * oldest first. Repeating it after a fault is harmless. What is refused waits, and does not hold up the rest.
 * @throws the answer, or the fault, that a later attempt may not meet.
 */
export async function putChanged(
  about: { context: TrackerContext; master: MasterClient; run: Run; items: number; rejected: number },
  outbox: Outbox,
): Promise<void> {
  const { db, config } = about.context
  let faults = 0
  let after: After | undefined
  for (;;) {
    const items = await readOutgoing(db, config, { since: outbox.acknowledged, after, limit: 1000 })
    for (const item of items.filter(({ ended, is_news, waits }) => waits || (ended === null && is_news))) {
      const answer = await send(about, item)
      if (answer.status === 200) faults = 0
      else if (answer.status === 500 && ++faults <= mostFaultsInARow) faults += 0
      else if (answer.status >= 500 || answer.status < 400 || passing.has(answer.status)) throw answer
      await note(about, [item], new Map(answer.status === 200 ? [] : [[0, refusal(answer)]]))
    }
    const end = items.at(-1)
    if (items.length < 1000 || end === undefined) return
    after = { firstSeen: end.first_seen, id: end.id }
  }
}

function send(
  about: { context: TrackerContext; master: MasterClient; run: Run },
  item: OutgoingInterval,
): Promise<MasterAnswer> {
  const { config } = about.context
  const parts = [item.namespace, item.kind, item.workload, item.container].map(encodeURIComponent)
  const body = {
    image_tag: item.image_tag,
    image_sha: item.image_sha,
    image_repo: item.image_repo,
    image_name: item.image_name,
    client_name: config.clientName,
    env_name: config.envName,
    released_at: item.first_seen.toISOString(),
  }
  return about.master.put(`/api/collect/${parts.join('/')}`, body, about.run.signal)
}

/** The master's reason as far as it is in our envelope, else its status. */
function refusal({ status, body }: MasterAnswer): string {
  const { error } = (body ?? {}) as { error?: { details?: { fields?: unknown } } }
  return reasonOf(status === 409 ? 'conflict' : `the master answered ${status}`, error?.details?.fields)
}
