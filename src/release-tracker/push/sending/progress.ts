import type { Run } from '../../../platform/jobs/index.ts'
import type { TrackerContext } from '../../context.ts'
import type { OutgoingInterval } from '../../store/push/outgoing.ts'
import { recordDelivery } from '../../store/push/waiting.ts'
import { unconfirmed } from '../reasons.ts'
import { type MasterAnswer, type MasterClient, notDelivered } from './master-client.ts'

/** One attempt of the push job, with its counters. */
export interface Push {
  context: TrackerContext
  master: MasterClient
  run: Run
  /** Items that were sent. */
  items: number
  /** Of them, those that the master has not stored. */
  rejected: number
}

/** Ends the attempt: the master can't be reached or refuses every call. The job tries again with a pause. */
export class Undelivered extends Error {
  readonly reason: ReturnType<typeof notDelivered>

  constructor(what: string, failure: unknown) {
    super('not delivered')
    this.reason = notDelivered(what, failure)
  }
}

/** Sends one call. @returns status 0 if there was no answer. @throws when the job is aborted */
export async function answerTo(push: Push, call: Promise<MasterAnswer>): Promise<MasterAnswer> {
  return call.catch((failure: unknown) => {
    if (push.run.signal.aborted) throw failure
    return { status: 0, body: undefined, retryAfterMs: undefined, failure }
  })
}

/**
 * Records the fate of each item of a call: delivered, or waiting with its reason. Logs one line for each new reason.
 * @param rejected reasons by index
 * @param alone whether the call had a single item and was refused, so that the item must not travel with others
 */
export async function recordAnswer(
  push: Push,
  page: OutgoingInterval[],
  { rejected, alone = false }: { rejected: Map<number, string>; alone?: boolean },
): Promise<void> {
  const delivered = page.flatMap(({ id }, index) => (rejected.has(index) ? [] : [id]))
  const undelivered = [...rejected].flatMap(([index, reason]) => {
    const intervalId = page[index]?.id
    return intervalId === undefined
      ? []
      : [{ intervalId, reason, alone, unconfirmed: reason === unconfirmed }]
  })
  const { late } = await recordDelivery(push.context.db, { delivered, undelivered })
  const { log } = push.run
  if (late > 0) log.info({ count: late }, 'The master stored releases that it had rejected before')
  push.items += page.length
  push.rejected += undelivered.filter((each) => !each.unconfirmed).length
  for (const [reason, indexes] of Map.groupBy(rejected.keys(), (index) => rejected.get(index) ?? '')) {
    const fresh = indexes.filter((index) => page[index]?.reason === null)
    const first = page[fresh[0] ?? -1]
    if (first === undefined || reason === unconfirmed) continue
    const name = `${first.namespace}/${first.kind}/${first.workload}/${first.container}`
    log.warn(
      { name, reason, count: fresh.length },
      'The master did not store releases; they will be sent again',
    )
  }
}
